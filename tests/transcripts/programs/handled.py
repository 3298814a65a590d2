def divide(a, b):
    return a / b


def safe(a, b):
    try:
        return divide(a, b)
    except ZeroDivisionError:
        return None
    finally:
        closed = True


one = safe(4, 2)
two = safe(1, 0)
try:
    {}["key"]
except KeyError as error:
    seen = str(error)
end = 1
