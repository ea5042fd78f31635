/// Ordered tables: balanced trees of elements that the client's own routine compares. A table is not guarded: its client
/// holds a lock of its own around the calls. The memory of an element comes from the table's allocation routine.
#ifndef WSK_TABLE_H
#define WSK_TABLE_H

#include "wsk_memory.h"

EXTERN_C_START

/// What stands before each element of a table.
typedef struct _RTL_BALANCED_LINKS {
    struct _RTL_BALANCED_LINKS *Parent;
    struct _RTL_BALANCED_LINKS *LeftChild;
    struct _RTL_BALANCED_LINKS *RightChild;
    CHAR Balance;
    UCHAR Reserved[3];
} RTL_BALANCED_LINKS, *PRTL_BALANCED_LINKS;

typedef enum _TABLE_SEARCH_RESULT {
    TableEmptyTree,
    TableFoundNode,
    TableInsertAsLeft,
    TableInsertAsRight,
} TABLE_SEARCH_RESULT;

/// How the first of two elements compares with the second.
typedef enum _RTL_GENERIC_COMPARE_RESULTS {
    GenericLessThan,
    GenericGreaterThan,
    GenericEqual,
} RTL_GENERIC_COMPARE_RESULTS;

typedef struct _RTL_AVL_TABLE RTL_AVL_TABLE, *PRTL_AVL_TABLE;
typedef RTL_GENERIC_COMPARE_RESULTS RTL_AVL_COMPARE_ROUTINE(PRTL_AVL_TABLE Table, PVOID First, PVOID Second);
typedef RTL_AVL_COMPARE_ROUTINE *PRTL_AVL_COMPARE_ROUTINE;
/// Gives memory for an element and what stands before it; NULL makes the insertion fail.
typedef PVOID RTL_AVL_ALLOCATE_ROUTINE(PRTL_AVL_TABLE Table, CLONG ByteSize);
typedef RTL_AVL_ALLOCATE_ROUTINE *PRTL_AVL_ALLOCATE_ROUTINE;
typedef VOID RTL_AVL_FREE_ROUTINE(PRTL_AVL_TABLE Table, PVOID Buffer);
typedef RTL_AVL_FREE_ROUTINE *PRTL_AVL_FREE_ROUTINE;
typedef NTSTATUS RTL_AVL_MATCH_FUNCTION(PRTL_AVL_TABLE Table, PVOID UserData, PVOID MatchData);
typedef RTL_AVL_MATCH_FUNCTION *PRTL_AVL_MATCH_FUNCTION;

/// A table. The right child of `BalancedRoot` is the tree.
struct _RTL_AVL_TABLE {
    RTL_BALANCED_LINKS BalancedRoot;
    PVOID OrderedPointer;
    ULONG WhichOrderedElement;
    ULONG NumberGenericTableElements;
    ULONG DepthOfTree;
    PRTL_BALANCED_LINKS RestartKey;
    ULONG DeleteCount;
    PRTL_AVL_COMPARE_ROUTINE CompareRoutine;
    PRTL_AVL_ALLOCATE_ROUTINE AllocateRoutine;
    PRTL_AVL_FREE_ROUTINE FreeRoutine;
    PVOID TableContext;
};

VOID RtlInitializeGenericTableAvl(PRTL_AVL_TABLE Table, PRTL_AVL_COMPARE_ROUTINE CompareRoutine,
    PRTL_AVL_ALLOCATE_ROUTINE AllocateRoutine, PRTL_AVL_FREE_ROUTINE FreeRoutine, PVOID TableContext);

/// Copies `BufferSize` bytes into a new element and answers where they are, or, where an equal one is there already, that
/// one. NULL: no memory.
PVOID RtlInsertElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer, CLONG BufferSize, PBOOLEAN NewElement);
/// The same after RtlLookupElementGenericTableFullAvl has said where.
PVOID RtlInsertElementGenericTableFullAvl(PRTL_AVL_TABLE Table, PVOID Buffer, CLONG BufferSize, PBOOLEAN NewElement,
    PVOID NodeOrParent, TABLE_SEARCH_RESULT SearchResult);

/// Takes the equal element out and frees it. FALSE: there is none.
BOOLEAN RtlDeleteElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer);
/// Takes out the element that a look-up answered as its node.
VOID RtlDeleteElementGenericTableAvlEx(PRTL_AVL_TABLE Table, PVOID NodeOrParent);

/// The equal element, or NULL.
PVOID RtlLookupElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer);
PVOID RtlLookupElementGenericTableFullAvl(
    PRTL_AVL_TABLE Table, PVOID Buffer, PVOID *NodeOrParent, TABLE_SEARCH_RESULT *SearchResult);
/// The first of several equal elements in the table's order.
PVOID RtlLookupFirstMatchingElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer, PVOID *RestartKey);

/// The elements in the table's order, one a call, NULL after the last. An element may be deleted on the way.
PVOID RtlEnumerateGenericTableAvl(PRTL_AVL_TABLE Table, BOOLEAN Restart);
/// The same for several at once: `*RestartKey`, NULL at first, says where each one is.
PVOID RtlEnumerateGenericTableWithoutSplayingAvl(PRTL_AVL_TABLE Table, PVOID *RestartKey);
/// The element with the number `Index` in the table's order, NULL beyond the last. Walks from the first.
PVOID RtlGetElementGenericTableAvl(PRTL_AVL_TABLE Table, ULONG Index);

WSK_INLINE ULONG RtlNumberGenericTableElementsAvl(PRTL_AVL_TABLE Table) { return Table->NumberGenericTableElements; }
WSK_INLINE BOOLEAN RtlIsGenericTableEmptyAvl(PRTL_AVL_TABLE Table) { return Table->NumberGenericTableElements == 0; }

// The older kind, which also remembers the order of insertion. A source that defines RTL_USE_AVL_TABLES gets the kind
// above under these names.

#ifdef RTL_USE_AVL_TABLES
typedef RTL_AVL_TABLE RTL_GENERIC_TABLE, *PRTL_GENERIC_TABLE;
typedef RTL_AVL_COMPARE_ROUTINE RTL_GENERIC_COMPARE_ROUTINE, *PRTL_GENERIC_COMPARE_ROUTINE;
typedef RTL_AVL_ALLOCATE_ROUTINE RTL_GENERIC_ALLOCATE_ROUTINE, *PRTL_GENERIC_ALLOCATE_ROUTINE;
typedef RTL_AVL_FREE_ROUTINE RTL_GENERIC_FREE_ROUTINE, *PRTL_GENERIC_FREE_ROUTINE;
#define RtlInitializeGenericTable RtlInitializeGenericTableAvl
#define RtlInsertElementGenericTable RtlInsertElementGenericTableAvl
#define RtlDeleteElementGenericTable RtlDeleteElementGenericTableAvl
#define RtlLookupElementGenericTable RtlLookupElementGenericTableAvl
#define RtlEnumerateGenericTable RtlEnumerateGenericTableAvl
#define RtlEnumerateGenericTableWithoutSplaying RtlEnumerateGenericTableWithoutSplayingAvl
#define RtlGetElementGenericTable RtlGetElementGenericTableAvl
#define RtlNumberGenericTableElements RtlNumberGenericTableElementsAvl
#define RtlIsGenericTableEmpty RtlIsGenericTableEmptyAvl
#else
typedef struct _RTL_GENERIC_TABLE RTL_GENERIC_TABLE, *PRTL_GENERIC_TABLE;
typedef RTL_GENERIC_COMPARE_RESULTS RTL_GENERIC_COMPARE_ROUTINE(PRTL_GENERIC_TABLE Table, PVOID First, PVOID Second);
typedef RTL_GENERIC_COMPARE_ROUTINE *PRTL_GENERIC_COMPARE_ROUTINE;
typedef PVOID RTL_GENERIC_ALLOCATE_ROUTINE(PRTL_GENERIC_TABLE Table, CLONG ByteSize);
typedef RTL_GENERIC_ALLOCATE_ROUTINE *PRTL_GENERIC_ALLOCATE_ROUTINE;
typedef VOID RTL_GENERIC_FREE_ROUTINE(PRTL_GENERIC_TABLE Table, PVOID Buffer);
typedef RTL_GENERIC_FREE_ROUTINE *PRTL_GENERIC_FREE_ROUTINE;

struct _RTL_GENERIC_TABLE {
    RTL_BALANCED_LINKS BalancedRoot;
    LIST_ENTRY InsertOrderList;
    ULONG NumberGenericTableElements;
    PRTL_BALANCED_LINKS RestartKey;
    PRTL_GENERIC_COMPARE_ROUTINE CompareRoutine;
    PRTL_GENERIC_ALLOCATE_ROUTINE AllocateRoutine;
    PRTL_GENERIC_FREE_ROUTINE FreeRoutine;
    PVOID TableContext;
};

VOID RtlInitializeGenericTable(PRTL_GENERIC_TABLE Table, PRTL_GENERIC_COMPARE_ROUTINE CompareRoutine,
    PRTL_GENERIC_ALLOCATE_ROUTINE AllocateRoutine, PRTL_GENERIC_FREE_ROUTINE FreeRoutine, PVOID TableContext);
PVOID RtlInsertElementGenericTable(PRTL_GENERIC_TABLE Table, PVOID Buffer, CLONG BufferSize, PBOOLEAN NewElement);
BOOLEAN RtlDeleteElementGenericTable(PRTL_GENERIC_TABLE Table, PVOID Buffer);
PVOID RtlLookupElementGenericTable(PRTL_GENERIC_TABLE Table, PVOID Buffer);
PVOID RtlEnumerateGenericTable(PRTL_GENERIC_TABLE Table, BOOLEAN Restart);
PVOID RtlEnumerateGenericTableWithoutSplaying(PRTL_GENERIC_TABLE Table, PVOID *RestartKey);
/// The element with the number `Index` in the order of insertion, NULL beyond the last.
PVOID RtlGetElementGenericTable(PRTL_GENERIC_TABLE Table, ULONG Index);

WSK_INLINE ULONG RtlNumberGenericTableElements(PRTL_GENERIC_TABLE Table) { return Table->NumberGenericTableElements; }
WSK_INLINE BOOLEAN RtlIsGenericTableEmpty(PRTL_GENERIC_TABLE Table) {
    return Table->NumberGenericTableElements == 0;
}
#endif

EXTERN_C_END

#endif
