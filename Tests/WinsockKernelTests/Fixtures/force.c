// Prints which of many allocations failed.
#include <ntddk.h>
#include <stdio.h>

int main(void) {
    for (int i = 0; i < 3000; i++) {
        PVOID block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 16, 'crof');
        PIRP irp = IoAllocateIrp(1, FALSE);
        if (!block || !irp) {
            printf("%d%s%s\n", i, block ? "" : " pool", irp ? "" : " irp");
        }
        ExFreePool(block);
        if (irp) {
            IoFreeIrp(irp);
        }
    }
    return 0;
}
