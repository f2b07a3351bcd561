# tacit_enclave(TARGET ROLE OPTIONS...): after linking, write TARGET.enclave (its configuration, with
# the hash of every library it runs) and TARGET.sigstruct beside it, signed with the build's signer
# key; more options of tacit-sign may follow. The key is made once per build folder and stays there.

set(TACIT_SIGNER_KEY "${PROJECT_BINARY_DIR}/signer.pem" CACHE FILEPATH "RSA-3072 key that signs enclaves")
set(TACIT_ENCLAVE_SVN 1 CACHE STRING "security version of every enclave of this build")

function(tacit_enclave target role)
    add_custom_command(
        TARGET ${target} POST_BUILD
        COMMAND tacit-sign --key ${TACIT_SIGNER_KEY} --role ${role} --svn ${TACIT_ENCLAVE_SVN} ${ARGN} $<TARGET_FILE:${target}>
        COMMENT "sign ${target}"
        VERBATIM)
    add_dependencies(${target} tacit-sign)
endfunction()

# tacit_enclave_variant(TARGET NAME OPTIONS...): the same executable once more, as NAME, signed with
# these options of tacit-sign: another configuration, so another measurement.
function(tacit_enclave_variant target name)
    set(copy $<TARGET_FILE_DIR:${target}>/${name})
    add_custom_command(
        TARGET ${target} POST_BUILD
        COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_FILE:${target}> ${copy}
        COMMAND tacit-sign --key ${TACIT_SIGNER_KEY} --svn ${TACIT_ENCLAVE_SVN} ${ARGN} ${copy}
        COMMENT "sign ${name}"
        VERBATIM)
endfunction()
