// For hot loops in plain C++: compiled once for each of AVX-512, AVX2 and the baseline, chosen when
// the program is loaded. ifunc resolvers run before the sanitizers' runtimes are ready: there, and
// with other compilers, one version.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define BRIGADE_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BRIGADE_VECTOR_CLONES
#endif
