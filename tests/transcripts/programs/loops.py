numbers = []
for i in range(6):
    square = i * i
    numbers.append(square)

total = 0
while numbers:
    total += numbers.pop()

evens = [n for n in range(5) if n % 2 == 0]


def count(limit):
    seen = 0
    while seen < limit:
        seen += 1
    return seen


a = count(3)
b = count(2)
print("", end="")
