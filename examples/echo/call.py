#!/usr/bin/python3
"""Calls every method of the echo service by what idlc made of its contract.

    call.py ENDPOINT KEY TEXT
"""

import asyncio
import sys

import echo  # python3 -m idlc python --out DIR echo.idl
import tacit


async def main(endpoint: str, key: str, text: str) -> None:
    identity = tacit.Identity.ephemeral()
    connection = await tacit.Connection.open(
        endpoint, server_key=bytes.fromhex(key), identity=identity
    )
    async with echo.EchoClient(connection) as client:
        print("say:", (await client.say(text=text)).text)
        print("reverse:", (await client.reverse(bulk=text.encode())).decode())
        await connection.bind(None, identity, tacit.Role.MESH)  # of no mesh
        try:
            while True:
                said = await client.leave_note(note=text.encode(), deadline=0.5)
                print("leave_note:", said.count)
        except echo.BoxFull as error:
            print(f"{error.name}: {error.message}")


asyncio.run(main(*sys.argv[1:]))
