# Warnings, hardening and sanitizers, in one place for every target.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Programs stand together, as installed: the launcher looks for the others beside itself.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

set(TACIT_SANITIZE "" CACHE STRING "Sanitizers, comma-separated: address,undefined or thread")
option(TACIT_FAULTS "Build fault points into services (rpc/fault.h); never in a release" OFF)
option(TACIT_FUZZ "Build fuzz targets with libFuzzer; needs clang" OFF)

add_compile_definitions(_GNU_SOURCE TACIT_VERSION="${PROJECT_VERSION}")
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                    -Wpointer-arith -Wformat=2 -Wvla -Werror)
add_compile_options(-fstack-protector-strong -fno-strict-overflow)
# No path of this machine in the programs: a measurement is then the same for everybody who builds
# the same source with the same compiler. The longer path last, which is tried first.
add_compile_options(-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/= -fmacro-prefix-map=${PROJECT_BINARY_DIR}/=)
add_link_options(-Wl,-z,relro,-z,now -Wl,-z,noexecstack)
set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")

if(TACIT_SANITIZE)
    add_compile_options(-fsanitize=${TACIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    # Instrumentation hides the sizes that this warning reasons with; the other builds have it.
    add_compile_options(-Wno-format-truncation)
    add_link_options(-fsanitize=${TACIT_SANITIZE})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_definitions(_FORTIFY_SOURCE=3)
endif()

if(TACIT_FAULTS AND CMAKE_BUILD_TYPE STREQUAL "Release")
    message(FATAL_ERROR "a release has no fault points: TACIT_FAULTS is for development builds")
endif()

if(TACIT_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        message(FATAL_ERROR "TACIT_FUZZ needs clang: use the preset fuzz")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Sources include "enclave/quote.h", never "quote.h": the folder shows which way an arrow points.
include_directories(${PROJECT_SOURCE_DIR})
