#include "internal.h"

const char *imlib_error_format(int code)
{
    switch (code) {
    case IMLIB_ENOMEM:
        return "no memory for %d bytes";
    case IMLIB_EABORTED:
        return "interrupted";
    case IMLIB_EREAD:
        return "read failed with %d";
    case IMLIB_EEND:
        return "picture ends early, after %d bytes";
    case IMLIB_EUNKNOWN:
        return "format not supported";
    case IMLIB_ESIZE:
        return "side of %d pixels, must be 1 to %d";
    case IMLIB_EBMP_HEADER:
        return "BMP header of %d bytes, known are 12 and 40 to 124";
    case IMLIB_EBMP_DEPTH:
        return "BMP with %d bits per pixel, known are 1, 4, 8, 16, 24 and 32";
    case IMLIB_EBMP_CODING:
        return "BMP with compression %d, only uncompressed ones are supported";
    case IMLIB_EBMP_MASK:
        return "BMP with colour mask 0x%08x, its bits must be adjacent";
    case IMLIB_EPROGRESSIVE:
        return "Progressive JPEG files are not supported.";
    case IMLIB_EJPEG_KIND:
        return "JPEG of kind SOF 0x%02x, only baseline ones are supported";
    case IMLIB_EJPEG_BITS:
        return "JPEG with %d bits per sample, must be 8";
    case IMLIB_EJPEG_CHANNELS:
        return "JPEG with %d colour channels, must be 1 or 3";
    case IMLIB_EJPEG_SAMPLING:
        return "JPEG with sampling factors 0x%02x";
    case IMLIB_EJPEG_SCANS:
        return "JPEG with %d of %d channels in a scan, must be all";
    case IMLIB_EJPEG_DAMAGED:
        return "JPEG damaged near byte %d";
    default:
        return "Image format is not supported!";
    }
}
