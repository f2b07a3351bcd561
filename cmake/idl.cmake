# tacit_idlc(FILE FOLDER OUTPUTS): run idlc on one contract, into FOLDER/NAME.h and FOLDER/NAME.c,
# whose paths are then in OUTPUTS.
# tacit_idl(NAME...): the same for idl/NAME.idl, into build/gen/idl; afterwards the library tacit_idl
# has them all, and sources include "idl/NAME.h".

set(TACIT_GEN ${PROJECT_BINARY_DIR}/gen)
file(GLOB TACIT_IDLC CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/idl/idlc/*.py) # idlc's own parts

function(tacit_idlc file folder outputs)
    get_filename_component(name ${file} NAME_WE)
    add_custom_command(
        OUTPUT ${folder}/${name}.h ${folder}/${name}.c
        COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${PROJECT_SOURCE_DIR}/idl PYTHONDONTWRITEBYTECODE=1
                /usr/bin/python3 -m idlc c --out ${folder} ${file}
        DEPENDS ${file} ${TACIT_IDLC}
        COMMENT "idlc ${name}.idl"
        VERBATIM)
    set(${outputs} ${folder}/${name}.h ${folder}/${name}.c PARENT_SCOPE)
endfunction()

# tacit_idlc_python(FILE FOLDER OUTPUT): the same contract for Python, into FOLDER/NAME.py.
function(tacit_idlc_python file folder output)
    get_filename_component(name ${file} NAME_WE)
    add_custom_command(
        OUTPUT ${folder}/${name}.py
        COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${PROJECT_SOURCE_DIR}/idl PYTHONDONTWRITEBYTECODE=1
                /usr/bin/python3 -m idlc python --out ${folder} ${file}
        DEPENDS ${file} ${TACIT_IDLC}
        COMMENT "idlc ${name}.idl (Python)"
        VERBATIM)
    set(${output} ${folder}/${name}.py PARENT_SCOPE)
endfunction()

function(tacit_idl)
    set(sources)
    foreach(name IN LISTS ARGN)
        tacit_idlc(${PROJECT_SOURCE_DIR}/idl/${name}.idl ${TACIT_GEN}/idl outputs)
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
