// Balanced trees: in each node the heights of the two sides differ by one at most. `Balance` is the right side's height
// less the left side's. The root hangs, as its right child, below a node of the table's that is its own parent.
#include "wsk_tree.h"

static void replace(wsk_links *old, wsk_links *new) {
    wsk_links *const parent = old->Parent;
    if (parent->LeftChild == old) {
        parent->LeftChild = new;
    } else {
        parent->RightChild = new;
    }
    if (new) {
        new->Parent = parent;
    }
}

static void turn_left(wsk_links *node) {
    wsk_links *const right = node->RightChild;
    replace(node, right);
    node->RightChild = right->LeftChild;
    if (node->RightChild) {
        node->RightChild->Parent = node;
    }
    right->LeftChild = node;
    node->Parent = right;
}

static void turn_right(wsk_links *node) {
    wsk_links *const left = node->LeftChild;
    replace(node, left);
    node->LeftChild = left->RightChild;
    if (node->LeftChild) {
        node->LeftChild->Parent = node;
    }
    left->RightChild = node;
    node->Parent = left;
}

/// Balances a node whose sides differ by two, and answers what stands in its place.
static wsk_links *balance(wsk_links *node) {
    const CHAR heavy = node->Balance > 0 ? 1 : -1;
    wsk_links *const child = heavy > 0 ? node->RightChild : node->LeftChild;
    if (child->Balance != -heavy) {
        heavy > 0 ? turn_left(node) : turn_right(node);
        child->Balance = (CHAR)(child->Balance - heavy);
        node->Balance = (CHAR)-child->Balance;
        return child;
    }
    wsk_links *const middle = heavy > 0 ? child->LeftChild : child->RightChild;
    if (heavy > 0) {
        turn_right(child);
        turn_left(node);
    } else {
        turn_left(child);
        turn_right(node);
    }
    node->Balance = (CHAR)(middle->Balance == heavy ? -heavy : 0);
    child->Balance = (CHAR)(middle->Balance == -heavy ? heavy : 0);
    middle->Balance = 0;
    return middle;
}

void wsk_tree_insert(wsk_links *top, wsk_links *node, wsk_links *parent, int is_left) {
    *(is_left ? &parent->LeftChild : &parent->RightChild) = node;
    node->Parent = parent;
    node->LeftChild = node->RightChild = NULL;
    node->Balance = 0;
    for (; parent != top; node = parent, parent = parent->Parent) {
        parent->Balance = (CHAR)(parent->Balance + (parent->LeftChild == node ? -1 : 1));
        if (parent->Balance == 0) {
            return;
        }
        if (parent->Balance == 2 || parent->Balance == -2) {
            balance(parent);
            return;
        }
    }
}

void wsk_tree_remove(wsk_links *top, wsk_links *node) {
    wsk_links *start = node->Parent;
    int is_left = start->LeftChild == node;
    if (node->LeftChild && node->RightChild) {
        wsk_links *const next = wsk_tree_next(top, node);
        start = next->Parent == node ? next : next->Parent;
        is_left = next->Parent != node;
        replace(next, next->RightChild);
        replace(node, next);
        next->Balance = node->Balance;
        next->LeftChild = node->LeftChild;
        next->LeftChild->Parent = next;
        next->RightChild = node->RightChild;
        if (next->RightChild) {
            next->RightChild->Parent = next;
        }
    } else {
        replace(node, node->LeftChild ? node->LeftChild : node->RightChild);
    }
    // The side where a node was taken has become lower by one.
    while (start != top) {
        start->Balance = (CHAR)(start->Balance + (is_left ? 1 : -1));
        if (start->Balance == 1 || start->Balance == -1) {
            return;
        }
        if (start->Balance != 0) {
            start = balance(start);
            if (start->Balance != 0) {
                return;
            }
        }
        is_left = start->Parent->LeftChild == start;
        start = start->Parent;
    }
}

wsk_links *wsk_tree_first(const wsk_links *top) {
    wsk_links *node = top->RightChild;
    while (node && node->LeftChild) {
        node = node->LeftChild;
    }
    return node;
}

wsk_links *wsk_tree_next(const wsk_links *top, wsk_links *node) {
    if (node->RightChild) {
        return wsk_tree_first(node);
    }
    while (node->Parent != top && node->Parent->RightChild == node) {
        node = node->Parent;
    }
    return node->Parent == top ? NULL : node->Parent;
}

wsk_links *wsk_tree_previous(const wsk_links *top, wsk_links *node) {
    if (node->LeftChild) {
        for (node = node->LeftChild; node->RightChild; node = node->RightChild) {
        }
        return node;
    }
    while (node->Parent != top && node->Parent->LeftChild == node) {
        node = node->Parent;
    }
    return node->Parent == top ? NULL : node->Parent;
}
