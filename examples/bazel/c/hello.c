#include <stdio.h>

int main(void) {
  puts("hello from a container");
  return 0;
}
