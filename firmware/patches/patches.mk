# Fixes that older versions of MicroPython need. Each patch names the first version that has it upstream; for an older
# tree the file is copied to the build directory, patched there, and compiled instead of the original.
# $(call micropython_patch,FILE,FIRST_MINOR_WITH_FIX,PATCH)
define micropython_patch
ifeq ($(shell test $(MICROPY_MINOR) -lt $(2) && echo needed),needed)
$$(BUILD)/patched/$(1): $$(TOP)/$(1) patches/$(3)
	$$(ECHO) "PATCH $(1) with $(3)"
	$$(Q)mkdir -p $$(dir $$@)
	$$(Q)patch --silent --output=$$@ $$< patches/$(3)
$$(BUILD)/$(1:.c=.o): $$(BUILD)/patched/$(1)
	$$(call compile_c)
endif
endef

# import * from a sys.modules entry that is no module read through a wrong type (CVE-2026-1998).
$(eval $(call micropython_patch,py/runtime.c,28,import_all.patch))
# Recursion in C without a look at the stack: deeply nested data or source overflowed it. Not fixed upstream.
$(eval $(call micropython_patch,py/compile.c,99,stack_check_compile.patch))
$(eval $(call micropython_patch,py/obj.c,99,stack_check_obj.patch))
$(eval $(call micropython_patch,py/objtuple.c,99,stack_check_objtuple.patch))
# A bytearray over memory outside of the Python heap (Image.to_bytes(), uctypes.bytearray_at()) crashed when it was made
# longer: it is a MemoryError. Not fixed upstream.
$(eval $(call micropython_patch,py/gc.c,99,gc_realloc_foreign.patch))
