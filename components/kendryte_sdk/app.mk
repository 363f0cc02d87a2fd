# A program for Kendryte's standalone SDK, as that SDK's build takes it: every .c .cpp .s .S directly in APP. Makes
# BUILD/NAME.elf, .bin and .img (bootable), NAME being the directory's. `make sdk-app APP=dir` calls it.
#
#   APP     the program's directory; a project.mk in it may add to APP_SOURCES, APP_CFLAGS and APP_LDFLAGS
#   SDK_CONSOLE  as in sdk.mk

include $(dir $(lastword $(MAKEFILE_LIST)))sdk.mk
ROOT := $(abspath $(SDK_DIR)/../..)
BUILD ?= $(ROOT)/build/sdk-app
PYTHON ?= python3

override APP := $(abspath $(APP))
NAME := $(notdir $(APP))
OBJECTS_DIR := $(BUILD)/$(NAME).o
APP_SOURCES := $(sort $(foreach suffix,c cpp s S,$(wildcard $(APP)/*.$(suffix))))
APP_CFLAGS :=
APP_LDFLAGS :=
-include $(APP)/project.mk

ifeq ($(APP_SOURCES),)
$(error $(APP) has no .c, .cpp, .s or .S: name the directory of the program by APP=)
endif

# What another folder of the same name has left here is not this program's.
ifneq ($(shell cat $(OBJECTS_DIR)/folder 2>/dev/null),$(APP))
$(shell rm -rf $(OBJECTS_DIR) $(foreach kind,elf bin img,$(BUILD)/$(NAME).$(kind)); mkdir -p $(OBJECTS_DIR); \
	echo $(APP) > $(OBJECTS_DIR)/folder)
endif

# spec sdk-api.md 0. The assembler finds .incbin files in the program's directory and by ../NAME/file.
FLAGS = -Os -ffast-math -fno-math-errno -fsingle-precision-constant \
	-DCONFIG_LOG_LEVEL=LOG_VERBOSE -DCONFIG_LOG_ENABLE -DCONFIG_LOG_COLORS -DLOG_KERNEL -DLV_CONF_INCLUDE_SIMPLE \
	-I$(APP) -Wa,-I$(APP),-I$(APP)/.. $(SDK_INCLUDES) -MMD -MP $(APP_CFLAGS)
# There is no C++ library for the target.
CXX_FLAGS = -std=gnu++17 -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-use-cxa-atexit

# The model runtime, for programs that name its functions.
KMODEL_DIR := $(ROOT)/components/kmodel
ifneq ($(shell grep -lE 'kpu_load_kmodel|nncase_load_kmodel' $(APP_SOURCES)),)
include $(KMODEL_DIR)/kmodel.mk
KMODEL_OBJECTS := $(patsubst $(KMODEL_DIR)/src/%.c,$(BUILD)/kmodel/%.o,$(KMODEL_SRC) $(KMODEL_K210_SRC)) \
	$(BUILD)/kmodel/kpu_kmodel.o
endif

OBJECTS := $(patsubst $(APP)/%,$(OBJECTS_DIR)/%.o,$(APP_SOURCES))
COMPILE = @mkdir -p $(@D) && $(SDK_CC)

all: $(BUILD)/$(NAME).img

$(BUILD)/$(NAME).elf: $(OBJECTS) $(KMODEL_OBJECTS) $(call sdk_objects,$(BUILD)/sdk) $(SDK_LINKER_SCRIPT)
	$(SDK_CC) $(SDK_LDFLAGS) $(APP_LDFLAGS) $(filter %.o,$^) -lm -o $@
	@$(CROSS_COMPILE)size $@

$(BUILD)/$(NAME).bin: $(BUILD)/$(NAME).elf
	$(CROSS_COMPILE)objcopy -O binary $< $@

$(BUILD)/$(NAME).img: $(BUILD)/$(NAME).bin
	PYTHONPATH=$(ROOT)/tools $(PYTHON) -c 'import sys; from pathlib import Path; from kpupy.image import wrap; \
		Path(sys.argv[2]).write_bytes(wrap(Path(sys.argv[1]).read_bytes()))' $< $@

$(OBJECTS_DIR)/%.c.o: $(APP)/%.c
	$(COMPILE) $(SDK_CFLAGS) $(FLAGS) -c $< -o $@

$(OBJECTS_DIR)/%.cpp.o: $(APP)/%.cpp
	$(COMPILE) $(filter-out -std=%,$(SDK_CFLAGS)) $(CXX_FLAGS) $(FLAGS) -c $< -o $@

$(OBJECTS_DIR)/%.s.o: $(APP)/%.s
	$(COMPILE) $(SDK_ASFLAGS) $(FLAGS) -c $< -o $@

$(OBJECTS_DIR)/%.S.o: $(APP)/%.S
	$(COMPILE) $(SDK_ASFLAGS) $(FLAGS) -c $< -o $@

KMODEL_COMPILE = $(COMPILE) $(SDK_CFLAGS) $(KMODEL_CFLAGS) $(if $(filter $<,$(KMODEL_HOT)),-O2,-Os) $(SDK_INCLUDES) \
	$(KMODEL_INC) -MMD -MP -c $< -o $@

$(BUILD)/kmodel/kpu_kmodel.o: $(SDK_DIR)/kmodel/kpu_kmodel.c
	$(KMODEL_COMPILE)

$(BUILD)/kmodel/%.o: $(KMODEL_DIR)/src/%.c
	$(KMODEL_COMPILE)

$(eval $(call sdk_rules,$(BUILD)/sdk))
-include $(OBJECTS:.o=.d) $(KMODEL_OBJECTS:.o=.d)

.SECONDARY:
.PHONY: all
