/// Balanced trees, below a node of their owner's.
#ifndef WSK_TREE_H
#define WSK_TREE_H

#include "wsk_internal.h"

typedef RTL_BALANCED_LINKS wsk_links;

/// Puts a node in as a child of `parent`, which has none on that side.
void wsk_tree_insert(wsk_links *top, wsk_links *node, wsk_links *parent, int is_left);
void wsk_tree_remove(wsk_links *top, wsk_links *node);

/// The first node in order; the one after, and before, another. Null: none.
wsk_links *wsk_tree_first(const wsk_links *top);
wsk_links *wsk_tree_next(const wsk_links *top, wsk_links *node);
wsk_links *wsk_tree_previous(const wsk_links *top, wsk_links *node);

#endif
