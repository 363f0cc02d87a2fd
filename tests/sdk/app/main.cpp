// A program of C++, C, assembly and an included file, as `make sdk-app` builds it.

#include <bsp.h>
#include "part.h"
#include "sysctl.h"

struct Shape {
    virtual ~Shape() {}
    virtual int area() const = 0;
};

struct Square : Shape {
    explicit Square(int side) : side(side) {}
    int area() const override { return side * side; }
    int side;
};

static Square constructed(7);

asm(".section .rodata\n"
    ".global included\n"
    "included: .incbin \"data.txt\"\n"
    ".byte 0\n");
extern "C" const char included[];

int main() {
    Shape *shape = new Square(constructed.side + 1);
    printf("area %d\n", shape->area());
    delete shape;
    printf("sum %d\n", sum_in_assembly(40, 2));
    printf("half %.2f size %d\n", half(5), (int)sizeof(1.0));
    printf("file %s", included);
    printf("console %d\n", (int)sysctl_clock_get_freq(SYSCTL_CLOCK_IN0));
    while (1) {
    }
}
