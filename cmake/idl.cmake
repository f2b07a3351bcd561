# tacit_idl(NAME...): run idlc on idl/NAME.idl into build/gen/idl/NAME.h and NAME.c; afterwards the
# library tacit_idl has them all, and sources include "idl/NAME.h".

set(TACIT_GEN ${PROJECT_BINARY_DIR}/gen)

function(tacit_idl)
    file(GLOB_RECURSE idlc CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/idl/idlc/*.py) # idlc's own parts
    set(sources)
    foreach(name IN LISTS ARGN)
        set(outputs ${TACIT_GEN}/idl/${name}.h ${TACIT_GEN}/idl/${name}.c)
        add_custom_command(
            OUTPUT ${outputs}
            COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${PROJECT_SOURCE_DIR}/idl PYTHONDONTWRITEBYTECODE=1
                    /usr/bin/python3 -m idlc c --out ${TACIT_GEN}/idl ${PROJECT_SOURCE_DIR}/idl/${name}.idl
            DEPENDS ${PROJECT_SOURCE_DIR}/idl/${name}.idl ${idlc}
            COMMENT "idlc ${name}.idl"
            VERBATIM)
        list(APPEND sources ${outputs})
    endforeach()
    # rpc uses contracts, and generated code uses rpc's client: the two static libraries name each
    # other, and what must exist before either compiles is a target of its own.
    add_custom_target(tacit_idl_gen DEPENDS ${sources})
    add_library(tacit_idl STATIC ${sources})
    add_dependencies(tacit_idl tacit_idl_gen)
    target_include_directories(tacit_idl PUBLIC ${TACIT_GEN})
    target_link_libraries(tacit_idl PUBLIC tacit_rpc)
endfunction()
