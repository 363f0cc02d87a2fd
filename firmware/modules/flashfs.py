"""The file system /flash: littlefs2 in the part of the flash that the board sets aside for it."""

import errno
import kpupy
import vfs

_OPTIONS = {"progsize": 256, "readsize": 64, "mtime": False}


def _is_littlefs(flash):
    # The magic stands 8 bytes into each of the two superblocks (SPEC.md of littlefs). Only one of them has it when the
    # power went while an empty file system was made; that is no loss, so it does not count.
    found = bytearray(8)
    for block in (0, 1):
        flash.readblocks(block, found, 8)
        if found != b"littlefs":
            return False
    return True


def format():
    """Empties /flash and mounts it."""
    try:
        vfs.umount("/flash")
    except OSError:
        pass
    flash = kpupy.Flash()
    vfs.VfsLfs2.mkfs(flash, **_OPTIONS)
    vfs.mount(vfs.VfsLfs2(flash, **_OPTIONS), "/flash")


def mount():
    """Mounts /flash, and makes an empty one where no littlefs has been before.

    Something that is a littlefs but does not mount is left alone: OSError, to be solved by flashfs.format().
    """
    flash = kpupy.Flash()
    try:
        vfs.mount(vfs.VfsLfs2(flash, **_OPTIONS), "/flash")
    except OSError:
        if _is_littlefs(flash):
            raise OSError(errno.EIO, "littlefs is damaged; flashfs.format() makes an empty one")
        print("/flash: no file system found, making one")
        format()
