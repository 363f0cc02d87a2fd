/* Plain loops compiled for several instruction sets, chosen when the library is loaded. */
#ifndef K210EMU_KPU_SIMD_H
#define K210EMU_KPU_SIMD_H

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define KPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define KPU_CLONES
#endif

#endif
