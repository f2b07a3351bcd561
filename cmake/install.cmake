# What `cmake --install` puts where: programs, man pages (docs/), documents. Programs stand together
# in one folder, since the launcher looks for the others beside itself.
#
# An enclave is its bytes: it is copied as it was signed, with its two files, never stripped and
# never given another RPATH, either of which would change its measurement.

set(TACIT_ENCLAVES tacit-attestd tacit-gatewayd tacit-keyd tacit-modeld tacit-workerd tacit-workerd-portable)
set(TACIT_PROGRAMS tacit-attest tacit-dataowner tacit-mlowner tacit-operator tacit-platformd tacit-rpc tacit-sign tacit-supervisord)

foreach(program IN LISTS TACIT_ENCLAVES TACIT_PROGRAMS)
    install(PROGRAMS $<TARGET_FILE:${program}> DESTINATION ${CMAKE_INSTALL_BINDIR})
endforeach()
foreach(enclave IN LISTS TACIT_ENCLAVES)
    install(FILES $<TARGET_FILE:${enclave}>.enclave $<TARGET_FILE:${enclave}>.sigstruct
            DESTINATION ${CMAKE_INSTALL_BINDIR})
endforeach()
set(strict $<TARGET_FILE_DIR:tacit-workerd-portable>/tacit-workerd-strict)
install(PROGRAMS ${strict} DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${strict}.enclave ${strict}.sigstruct DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE NOTICE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "man" EXCLUDE)
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
