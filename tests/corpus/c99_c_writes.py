# TAGS: buffers
"""C code that writes to what the program holds, by neither slot nor method of it."""
import array, fcntl, io, mmap, socket, struct, sys, termios, warnings, pty, os, json, functools, collections, ctypes


b = io.BytesIO(b"0123456789")
m = b.getbuffer()
first = m[0]
try:
    b.write(b"ab")
except BufferError:
    n = 1
first = bytes(m[:3])
m.release()
mm = mmap.mmap(-1, 8)
v = memoryview(mm)
mm[0] = 65
one = v[0]
mm.write(b"xyz")
one = bytes(v[:3])
v.release()
left, right = socket.socketpair()
buf, buf2 = bytearray(4), bytearray(4)
left.send(b"abcdefgh")
n = right.recvmsg_into([buf, buf2])[0]
n = len(buf)
left.send(b"12345")
size = bytearray(4)
fcntl.ioctl(right, termios.FIONREAD, size, True)
rows = size[0]
arr = array.array("i", [0, 0])
fcntl.ioctl(right, termios.FIONREAD, arr, True)
rows = arr[0]

import colorsys
k = "colorsys" in sys.modules
kw = {"z": 1}
part = functools.partial(dict, **kw)
got = part(y=2)
od = collections.OrderedDict(a=1, b=2)
od.popitem()
n = len(od)
hook = []


def pairs(p):
    hook.append(len(p))
    return p


data = json.loads('{"a": [1, {"b": []}, {"c": 2}], "d": {}}', object_pairs_hook=pairs)
n = len(data)
s = set()
it = map(s.add, range(3))
list(it)
n = len(s)
c = collections.Counter()
c.update("abca")
n = c["a"]
carr = (ctypes.c_int * 3)(1, 2, 3)
cv = memoryview(carr)
carr[0] = 9
n = bytes(cv)[0]
ba = bytearray(b"0123")
cb = (ctypes.c_char * 4).from_buffer(ba)
cb[0] = b"x"
n = ba[0]
del cb, cv, it
n = 0
