# The modules `image` and `KPU`, with what they bind: the image kernels and the model runtime.

KPU_PY_DIR := $(USERMOD_DIR)
KMODEL_DIR := $(USER_C_MODULES)/kmodel
IMLIB_DIR := $(USER_C_MODULES)/imlib
include $(KMODEL_DIR)/kmodel.mk
include $(IMLIB_DIR)/imlib.mk

SRC_USERMOD_C += $(wildcard $(KPU_PY_DIR)/*.c)
SRC_USERMOD_LIB_C += $(KMODEL_SRC) $(KMODEL_K210_SRC) $(IMLIB_SRC)
CFLAGS_USERMOD += -I$(KPU_PY_DIR) $(KMODEL_INC) $(IMLIB_INC)

$(patsubst $(USER_C_MODULES)/%.c,$(BUILD)/%.o,$(KMODEL_HOT) $(IMLIB_HOT)): CFLAGS += -O2
