"""The contracts of the mesh, one generated module each: idlc makes them of idl/*.idl."""
