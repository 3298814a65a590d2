"""Objects that write their attributes at every step."""
import sys
import time


class Particle:
    def __init__(self, x, v):
        self.x = x
        self.v = v
        self.bounces = 0

    def step(self, dt):
        self.x += self.v * dt
        if self.x > 100.0 or self.x < 0.0:
            self.bounce()

    def bounce(self):
        self.v = -self.v
        self.bounces += 1


class World:
    def __init__(self, n):
        self.particles = [Particle(i * 7.3 % 100, (i % 13) - 6.5) for i in range(n)]
        self.time = 0.0

    def step(self, dt):
        for p in self.particles:
            p.step(dt)
        self.time += dt


def main(steps):
    w = World(200)
    for _ in range(steps):
        w.step(0.1)
    return sum(p.bounces for p in w.particles)


print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000))
print(time.process_time(), file=sys.stderr)
