import sys
def f():
    x = 1
    sys._getframe().f_locals['x'] = 5
    y = x
    def g():
        sys._getframe(1).f_locals['y'] = [x, y]
        return 1
    z = g()
    w = y
    sys._getframe().f_locals.update(z=9, w=10)
    return x, y, z, w
print(f())
def c():
    a = 1
    h = lambda: a
    sys._getframe().f_locals['a'] = 7
    b = h()
    return a, b
print(c())
class K:
    q = 1
    locals()['r'] = 2
    sys._getframe().f_locals['s'] = 3
    t = r + s
print(K.t)
exec("m = 1\nglobals()['n'] = 2\nm = n", {})
