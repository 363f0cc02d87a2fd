# Sources of imlib for a build. Set IMLIB_DIR first; use IMLIB_SRC and IMLIB_INC.

IMLIB_DIR ?= $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
IMLIB_INC := -I$(IMLIB_DIR)/include

IMLIB_SRC := $(addprefix $(IMLIB_DIR)/src/, \
	ai.c ai_fast.c bmp.c bmp_write.c crop.c decode.c error.c image.c jpeg.c jpeg_header.c jpeg_idct.c jpeg_scan.c \
	reader.c resize.c)

# Loops over every pixel; the rest is built for size.
IMLIB_HOT := $(addprefix $(IMLIB_DIR)/src/, ai_fast.c jpeg.c jpeg_idct.c jpeg_scan.c resize.c)
