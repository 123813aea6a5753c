"""A wire that is 25 ms long in each direction: delay.py LISTEN TARGET (ports of 127.0.0.1).

A connection takes a round trip to be made, as TCP's does; after that nothing is slower, only later. Kernels
need not have netem, and this needs nothing of them.
"""
import asyncio
import sys

DELAY = 0.025


async def carry(reader, writer, first):
    queue = asyncio.Queue(256)
    loop = asyncio.get_running_loop()

    async def take():
        ready = loop.time() + first
        while True:
            data = await reader.read(1 << 18)
            ready = max(ready, loop.time()) if first else loop.time()
            await queue.put((ready + DELAY, data))
            if not data:
                return

    async def give():
        while True:
            due, data = await queue.get()
            wait = due - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    try:
        await asyncio.gather(take(), give())
    except (ConnectionError, OSError):
        pass


async def connection(reader, writer):
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]), limit=1 << 20)
    await asyncio.gather(carry(reader, far_writer, 2 * DELAY), carry(far_reader, writer, 0))
    far_writer.close()
    writer.close()


async def main():
    server = await asyncio.start_server(connection, "127.0.0.1", int(sys.argv[1]), limit=1 << 20)
    await server.serve_forever()


asyncio.run(main())
