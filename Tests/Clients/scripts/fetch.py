"""`fetch.py ECHO`: two hundred connections to an echo server at once, each with its own data, and one that is refused."""

import asyncio
import socket
import sys


async def echoed(port, number):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = bytes([number % 251]) * (1000 * number)
    peer = writer.get_extra_info("peername")
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer == data and peer == ("127.0.0.1", port)


async def refused():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        return type(error).__name__
    return "connected"


async def main():
    done = await asyncio.gather(*(echoed(int(sys.argv[1]), number) for number in range(200)))
    print(sum(done), await refused())


asyncio.run(main())
