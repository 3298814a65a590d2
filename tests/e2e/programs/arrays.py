"""Arrays of numpy, changed by C code; `stop:` names the expressions that are compared with live pdb there."""
import numpy as np


def main():
    a = np.array([1, 2, 3])
    b = np.array([1.5, 2.25, -3.0])
    c = np.arange(12).reshape(3, 4)
    d = np.zeros((2, 2), dtype=np.float32)
    e = np.array([True, False])
    f = np.array([1, 2], dtype=np.uint8)
    g = np.linspace(0, 1, 7)
    h = np.array([1e-10, 1.0])
    i = np.arange(40)
    j = c[:, 1]
    k = np.arange(30).reshape(2, 3, 5)
    m = np.array([[1.5, np.nan], [np.inf, 2]])
    n = np.arange(6)[::-2]
    one, two, yes = np.float64(1.5), np.int32(7), np.bool_(True)
    x = 0  # stop: a ; b ; c ; d ; e ; f ; g ; h ; i ; j ; k ; m ; n ; one ; two ; yes ; a.shape ; c.shape ; len(a) ; a.size ; c.ndim ; a.tolist() ; [a, b]
    a[0] = 99
    b += 1
    c[1, 2] = -7
    np.copyto(d, 3)
    a.sort()
    j[0] = 1000
    np.logical_not(e, out=e)
    x = 1  # stop: a ; b ; c ; d ; e ; j
    a.resize(5, refcheck=False)
    c.shape = (4, 3)
    del j
    x = 2  # stop: a ; c
    for t in range(3):
        b[t] = t
        x = 3  # stop: b


main()
