// The two kinds of ordered tables, over one kind of tree.
#include "wsk_tree.h"

#define CALLER __builtin_return_address(0)

/// What stands before an element of the older kind.
typedef struct ordered_links {
    wsk_links links;
    LIST_ENTRY order;
} ordered_links;

/// A table of either kind, as a call needs it.
typedef struct view {
    wsk_links *top;
    size_t head;
    void *table;
    PRTL_AVL_COMPARE_ROUTINE compare;
    PRTL_AVL_ALLOCATE_ROUTINE allocate;
    PRTL_AVL_FREE_ROUTINE free;
} view;

static void *element(const view *table, wsk_links *node) { return node ? (char *)node + table->head : NULL; }

static int is_ready(const view *table, const char *function, const void *caller) {
    if (!table->compare || table->top->Parent != table->top) {
        wsk_trap(function, "the table was never initialized", caller);
        return 0;
    }
    return 1;
}

static RTL_GENERIC_COMPARE_RESULTS compare(const view *table, void *first, void *second) {
    const wsk_client_call call = wsk_begin_call_as_it_is();
    const RTL_GENERIC_COMPARE_RESULTS result = table->compare((PRTL_AVL_TABLE)table->table, first, second);
    wsk_end_call(call);
    return result;
}

/// The equal node, or the one below which it would stand.
static TABLE_SEARCH_RESULT find(const view *table, void *key, wsk_links **place) {
    wsk_links *node = table->top->RightChild;
    *place = table->top;
    TABLE_SEARCH_RESULT result = TableEmptyTree;
    while (node) {
        *place = node;
        switch (compare(table, key, element(table, node))) {
        case GenericLessThan:
            result = TableInsertAsLeft;
            node = node->LeftChild;
            break;
        case GenericGreaterThan:
            result = TableInsertAsRight;
            node = node->RightChild;
            break;
        default:
            return TableFoundNode;
        }
    }
    return result;
}

/// A new node with a copy of the element; null: no memory.
static wsk_links *insert(const view *table, void *key, CLONG size, wsk_links *place, TABLE_SEARCH_RESULT where) {
    const wsk_client_call call = wsk_begin_call_as_it_is();
    wsk_links *const node =
        (wsk_links *)table->allocate((PRTL_AVL_TABLE)table->table, (CLONG)(size + table->head));
    wsk_end_call(call);
    if (node) {
        memset(node, 0, table->head);
        memcpy(element(table, node), key, size);
        wsk_tree_insert(table->top, node, where == TableEmptyTree ? table->top : place, where == TableInsertAsLeft);
    }
    return node;
}

static void release(const view *table, wsk_links *node) {
    const wsk_client_call call = wsk_begin_call_as_it_is();
    table->free((PRTL_AVL_TABLE)table->table, node);
    wsk_end_call(call);
}

static PVOID step(const view *table, wsk_links **at) {
    *at = *at ? wsk_tree_next(table->top, *at) : wsk_tree_first(table->top);
    return element(table, *at);
}

/// Goes on behind `*key`, and starts again after the end.
static PVOID step_key(const view *table, PVOID *key) {
    wsk_links *at = (wsk_links *)*key;
    PVOID found = step(table, &at);
    *key = at;
    return found;
}

// RTL_AVL_TABLE.

static view view_of(PRTL_AVL_TABLE table) {
    return (view){&table->BalancedRoot, sizeof(wsk_links), table, table->CompareRoutine, table->AllocateRoutine,
        table->FreeRoutine};
}

static void forget(PRTL_AVL_TABLE table, const view *tree, wsk_links *node) {
    if (table->RestartKey == node) {
        table->RestartKey = wsk_tree_previous(tree->top, node);
    }
    wsk_tree_remove(tree->top, node);
    table->NumberGenericTableElements--;
    table->DeleteCount++;
    release(tree, node);
}

VOID RtlInitializeGenericTableAvl(PRTL_AVL_TABLE table, PRTL_AVL_COMPARE_ROUTINE compare_routine,
    PRTL_AVL_ALLOCATE_ROUTINE allocate, PRTL_AVL_FREE_ROUTINE free_routine, PVOID context) {
    memset(table, 0, sizeof *table);
    table->BalancedRoot.Parent = &table->BalancedRoot;
    table->CompareRoutine = compare_routine;
    table->AllocateRoutine = allocate;
    table->FreeRoutine = free_routine;
    table->TableContext = context;
}

PVOID RtlLookupElementGenericTableFullAvl(
    PRTL_AVL_TABLE table, PVOID key, PVOID *place, TABLE_SEARCH_RESULT *result) {
    WSK_OWN_CODE;
    const view tree = view_of(table);
    wsk_links *node = NULL;
    *result = is_ready(&tree, "RtlLookupElementGenericTableFullAvl", CALLER) ? find(&tree, key, &node) : TableEmptyTree;
    *place = node;
    return *result == TableFoundNode ? element(&tree, node) : NULL;
}

PVOID RtlLookupElementGenericTableAvl(PRTL_AVL_TABLE table, PVOID key) {
    PVOID place;
    TABLE_SEARCH_RESULT result;
    return RtlLookupElementGenericTableFullAvl(table, key, &place, &result);
}

PVOID RtlLookupFirstMatchingElementGenericTableAvl(PRTL_AVL_TABLE table, PVOID key, PVOID *restart) {
    TABLE_SEARCH_RESULT result;
    *restart = NULL;
    PVOID place;
    if (!RtlLookupElementGenericTableFullAvl(table, key, &place, &result)) {
        return NULL;
    }
    WSK_OWN_CODE;
    const view tree = view_of(table);
    wsk_links *node = (wsk_links *)place, *before;
    while ((before = wsk_tree_previous(tree.top, node)) && compare(&tree, key, element(&tree, before)) == GenericEqual) {
        node = before;
    }
    *restart = node;
    return element(&tree, node);
}

PVOID RtlInsertElementGenericTableFullAvl(PRTL_AVL_TABLE table, PVOID key, CLONG size, PBOOLEAN is_new, PVOID place,
    TABLE_SEARCH_RESULT result) {
    WSK_OWN_CODE;
    const view tree = view_of(table);
    wsk_links *node = (wsk_links *)place;
    if (result != TableFoundNode) {
        node = insert(&tree, key, size, node, result);
        table->NumberGenericTableElements += node != NULL;
    }
    if (is_new) {
        *is_new = node && result != TableFoundNode;
    }
    return element(&tree, node);
}

PVOID RtlInsertElementGenericTableAvl(PRTL_AVL_TABLE table, PVOID key, CLONG size, PBOOLEAN is_new) {
    PVOID place;
    TABLE_SEARCH_RESULT result;
    RtlLookupElementGenericTableFullAvl(table, key, &place, &result);
    return RtlInsertElementGenericTableFullAvl(table, key, size, is_new, place, result);
}

BOOLEAN RtlDeleteElementGenericTableAvl(PRTL_AVL_TABLE table, PVOID key) {
    PVOID place;
    TABLE_SEARCH_RESULT result;
    if (!RtlLookupElementGenericTableFullAvl(table, key, &place, &result)) {
        return FALSE;
    }
    RtlDeleteElementGenericTableAvlEx(table, place);
    return TRUE;
}

VOID RtlDeleteElementGenericTableAvlEx(PRTL_AVL_TABLE table, PVOID node) {
    WSK_OWN_CODE;
    const view tree = view_of(table);
    forget(table, &tree, (wsk_links *)node);
}

PVOID RtlEnumerateGenericTableAvl(PRTL_AVL_TABLE table, BOOLEAN restarts) {
    WSK_OWN_CODE;
    const view tree = view_of(table);
    if (!is_ready(&tree, "RtlEnumerateGenericTableAvl", CALLER)) {
        return NULL;
    }
    if (restarts) {
        table->RestartKey = NULL;
    }
    return step(&tree, &table->RestartKey);
}

PVOID RtlEnumerateGenericTableWithoutSplayingAvl(PRTL_AVL_TABLE table, PVOID *key) {
    WSK_OWN_CODE;
    const view tree = view_of(table);
    return is_ready(&tree, "RtlEnumerateGenericTableWithoutSplayingAvl", CALLER) ? step_key(&tree, key) : NULL;
}

PVOID RtlGetElementGenericTableAvl(PRTL_AVL_TABLE table, ULONG index) {
    WSK_OWN_CODE;
    const view tree = view_of(table);
    if (!is_ready(&tree, "RtlGetElementGenericTableAvl", CALLER) || index >= table->NumberGenericTableElements) {
        return NULL;
    }
    wsk_links *node = wsk_tree_first(tree.top);
    while (index-- > 0) {
        node = wsk_tree_next(tree.top, node);
    }
    return element(&tree, node);
}

// RTL_GENERIC_TABLE.

static view view_of_ordered(PRTL_GENERIC_TABLE table) {
    return (view){&table->BalancedRoot, sizeof(ordered_links), table,
        (PRTL_AVL_COMPARE_ROUTINE)(void *)table->CompareRoutine,
        (PRTL_AVL_ALLOCATE_ROUTINE)(void *)table->AllocateRoutine, (PRTL_AVL_FREE_ROUTINE)(void *)table->FreeRoutine};
}

VOID RtlInitializeGenericTable(PRTL_GENERIC_TABLE table, PRTL_GENERIC_COMPARE_ROUTINE compare_routine,
    PRTL_GENERIC_ALLOCATE_ROUTINE allocate, PRTL_GENERIC_FREE_ROUTINE free_routine, PVOID context) {
    memset(table, 0, sizeof *table);
    table->BalancedRoot.Parent = &table->BalancedRoot;
    InitializeListHead(&table->InsertOrderList);
    table->CompareRoutine = compare_routine;
    table->AllocateRoutine = allocate;
    table->FreeRoutine = free_routine;
    table->TableContext = context;
}

PVOID RtlLookupElementGenericTable(PRTL_GENERIC_TABLE table, PVOID key) {
    WSK_OWN_CODE;
    const view tree = view_of_ordered(table);
    wsk_links *node;
    const int is_found = is_ready(&tree, "RtlLookupElementGenericTable", CALLER)
        && find(&tree, key, &node) == TableFoundNode;
    return is_found ? element(&tree, node) : NULL;
}

PVOID RtlInsertElementGenericTable(PRTL_GENERIC_TABLE table, PVOID key, CLONG size, PBOOLEAN is_new) {
    WSK_OWN_CODE;
    const view tree = view_of_ordered(table);
    wsk_links *node = NULL;
    if (!is_ready(&tree, "RtlInsertElementGenericTable", CALLER)) {
        return NULL;
    }
    const TABLE_SEARCH_RESULT result = find(&tree, key, &node);
    if (result != TableFoundNode) {
        node = insert(&tree, key, size, node, result);
        if (node) {
            InsertTailList(&table->InsertOrderList, &((ordered_links *)(void *)node)->order);
            table->NumberGenericTableElements++;
        }
    }
    if (is_new) {
        *is_new = node && result != TableFoundNode;
    }
    return element(&tree, node);
}

BOOLEAN RtlDeleteElementGenericTable(PRTL_GENERIC_TABLE table, PVOID key) {
    WSK_OWN_CODE;
    const view tree = view_of_ordered(table);
    wsk_links *node;
    if (!is_ready(&tree, "RtlDeleteElementGenericTable", CALLER) || find(&tree, key, &node) != TableFoundNode) {
        return FALSE;
    }
    if (table->RestartKey == node) {
        table->RestartKey = wsk_tree_previous(tree.top, node);
    }
    wsk_tree_remove(tree.top, node);
    RemoveEntryList(&((ordered_links *)(void *)node)->order);
    table->NumberGenericTableElements--;
    release(&tree, node);
    return TRUE;
}

PVOID RtlEnumerateGenericTable(PRTL_GENERIC_TABLE table, BOOLEAN restarts) {
    WSK_OWN_CODE;
    const view tree = view_of_ordered(table);
    if (!is_ready(&tree, "RtlEnumerateGenericTable", CALLER)) {
        return NULL;
    }
    if (restarts) {
        table->RestartKey = NULL;
    }
    return step(&tree, &table->RestartKey);
}

PVOID RtlEnumerateGenericTableWithoutSplaying(PRTL_GENERIC_TABLE table, PVOID *key) {
    WSK_OWN_CODE;
    const view tree = view_of_ordered(table);
    return is_ready(&tree, "RtlEnumerateGenericTableWithoutSplaying", CALLER) ? step_key(&tree, key) : NULL;
}

PVOID RtlGetElementGenericTable(PRTL_GENERIC_TABLE table, ULONG index) {
    WSK_OWN_CODE;
    if (index >= table->NumberGenericTableElements) {
        return NULL;
    }
    PLIST_ENTRY entry = table->InsertOrderList.Flink;
    while (index-- > 0) {
        entry = entry->Flink;
    }
    return CONTAINING_RECORD(entry, ordered_links, order) + 1;
}
