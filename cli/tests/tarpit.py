"""Listens at the ports from FIRST on, COUNT of them, at all addresses, and tells when it does.
Even ports send without end, odd ones say nothing. At the end of its input it writes how many
connections came to even ports."""
import asyncio, resource, sys

first, count = map(int, sys.argv[1:])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
floods = 0


async def serve(reader, writer):
    global floods
    flood = writer.get_extra_info("sockname")[1] % 2 == 0
    floods += flood
    try:
        while flood:
            writer.write(b"x" * 4096)
            await writer.drain()
        while await reader.read(4096):
            pass
    except OSError:
        pass
    writer.close()


async def main():
    for port in range(first, first + count):
        await asyncio.start_server(serve, "0.0.0.0", port, backlog=4096, limit=4096)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(floods, flush=True)


asyncio.run(main())
