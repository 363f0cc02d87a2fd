# Sources of the model runtime for a firmware build. Set KMODEL_DIR first; use KMODEL_SRC, KMODEL_INC and KMODEL_CFLAGS.

KMODEL_INC := -I$(KMODEL_DIR)/include

KMODEL_SRC := $(addprefix $(KMODEL_DIR)/src/, \
	classifier.c error.c faces.c file.c identify.c kpu_copy.c kpu_layer.c model.c plan.c run.c source.c \
	tensor.c v3.c yolo2.c \
	v4.c v4_elementwise.c v4_kpu.c v4_matmul.c v4_move.c v4_nnil.c v4_operand.c v4_window.c \
	v5.c v5_decode.c v5_k210.c v5_operand.c v5_ops.c v5_ops_index.c v5_ops_nn.c v5_ops_shape.c v5_run.c \
	v5_stackvm.c kernels/along.c kernels/convert.c kernels/gaps.c kernels/logic.c kernels/rows.c \
	kernels/conv2d.c kernels/conv2d_transpose.c kernels/copy.c kernels/elementwise.c kernels/matmul.c \
	kernels/quantize.c kernels/reduce.c kernels/resize.c kernels/walk.c kernels/window.c \
	ops/add.c ops/concat.c ops/dequantize.c ops/flatten.c ops/fully_connected.c ops/global_average_pool.c \
	ops/k210_conv.c ops/l2_normalization.c ops/logistic.c ops/padding.c ops/pool.c ops/quantize.c \
	ops/quantized_add.c ops/requantize.c ops/resize.c ops/softmax.c ops/upload.c)

KMODEL_K210_SRC := $(KMODEL_DIR)/src/backend_k210.c

# Results are those of separate multiplications and additions (spec kmodel.md 3.6).
KMODEL_CFLAGS := -ffp-contract=off -fno-math-errno

# Loops over every pixel; the rest is built for size.
KMODEL_HOT := $(addprefix $(KMODEL_DIR)/src/, \
	kpu_copy.c ops/dequantize.c ops/fully_connected.c ops/quantize.c ops/quantized_add.c ops/pool.c \
	kernels/conv2d.c kernels/copy.c kernels/elementwise.c kernels/matmul.c kernels/quantize.c kernels/walk.c \
	kernels/window.c)
