"""Tasks and futures of asyncio; `stop:` names the expressions that are compared with live pdb there."""
import asyncio
import sys

log = []


class MyFuture(asyncio.Future):
    pass


async def child(n):
    t = asyncio.current_task()
    a = 0  # stop: t._state ; t.get_name() ; t.done()
    await asyncio.sleep(0)
    a = 1  # stop: t._state ; t._fut_waiter is None ; t._must_cancel
    return n


def on_done(f):
    x = 0  # stop: f._state ; f.done() ; f.cancelled()
    log.append(f)


async def boom():
    raise KeyError("k")


async def eager():
    log.append(asyncio.current_task())
    return "eager"


async def main():
    loop = asyncio.get_running_loop()
    first = asyncio.create_task(child(5), name="first")
    first.add_done_callback(on_done)
    fut = MyFuture(loop=loop)
    pending = loop.create_future()
    bad = asyncio.create_task(boom())
    x = 0  # stop: first._state ; bad._state ; pending ; fut._state ; first.done() ; first.get_name()
    both = await asyncio.gather(first, bad, return_exceptions=True)
    x = 1  # stop: first._state ; first.result() ; first._result ; bad._state ; bad._exception ; bad.exception() ; both ; first.cancelling() ; bad._must_cancel ; fut._state
    fut.set_exception(ValueError("zz"))
    pending.set_result([1, 2])
    x = 2  # stop: fut._state ; fut._exception ; fut.done() ; pending ; pending.result() ; pending._result
    fut.exception()
    sleeper = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    x = 3  # stop: sleeper._state ; sleeper.cancelling() ; sleeper._must_cancel ; sleeper._fut_waiter._state
    sleeper.cancel("m")
    x = 4  # stop: sleeper._state ; sleeper.cancelling() ; sleeper._must_cancel
    try:
        await sleeper
    except asyncio.CancelledError:
        x = 5  # stop: sleeper._state ; sleeper.cancelled() ; sleeper.cancelling() ; sleeper.done()
    early = asyncio.create_task(asyncio.sleep(0.2), name="nm")
    early.cancel()
    x = 6  # stop: early._must_cancel ; early.cancelling() ; early.get_name() ; early._state
    early.set_name("other")
    early.uncancel()
    x = 7  # stop: early.get_name() ; early.cancelling()
    done, rest = await asyncio.wait([early, asyncio.create_task(child(1))])
    x = 8  # stop: early._state ; len(done) ; len(rest)
    answer = await loop.run_in_executor(None, lambda: 7)
    if sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)
        quick = asyncio.create_task(eager())
        x = 9  # stop: quick._state ; quick._result ; quick.done() ; log[-1]._state
        slow = asyncio.create_task(child(3))
        x = 10  # stop: slow._state
        await slow
        x = 11  # stop: slow._state ; slow.result()


asyncio.run(main())
x = 12  # stop: len(log) ; log[0]._state ; log[0]._result
