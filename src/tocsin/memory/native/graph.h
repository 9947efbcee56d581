/* Who holds whom, upwards from some blocks: items (a block that was asked for, or an object that holds one) and edges.
 *
 * Ownership: an item keeps a reference to its object, but for the types of `layout_may_be_held` and for what was asked
 *            for: that is only an address, compared with those of live objects and never followed.
 * Threads:   all with the GIL.
 * Reentrancy: nothing here runs code of the program; references are dropped by `graph_drop` alone.
 * Fork:      plain memory.
 */
#ifndef TOCSIN_GRAPH_H
#define TOCSIN_GRAPH_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

#define GRAPH_NONE UINT32_MAX
#define GRAPH_FILTER_BITS 18
#define GRAPH_PLACES (1u << 16)
#define GRAPH_ITEMS 12288
#define GRAPH_EDGES (4 * GRAPH_ITEMS)

/* A namespace, module, type, function or frame ends a chain: nobody looks further up. */
typedef enum { ITEM_ASKED, ITEM_OBJECT, ITEM_NAMESPACE, ITEM_FRAME, ITEM_END } ItemKind;

typedef struct {
    uintptr_t address;
    PyObject *object;    /* NULL: not held, or a block that was asked for */
    PyTypeObject *type;  /* of the object; NULL while that is not known */
    PyObject *module;    /* the name of a namespace, or that of a frame */
    Py_ssize_t length;   /* -1: unknown */
    uint32_t edges;      /* the last to a holder, plus 1 */
    uint32_t holders;
    uint32_t looked;     /* the pass in which it was last looked at as a whole */
    uint8_t kind, depth, wanted;
} Item;

typedef struct {
    uint32_t child, holder, next;
    PyObject *name; /* or NULL */
} Edge;

typedef struct {
    uintptr_t address; /* 0: empty */
    uint32_t item;
    uint32_t offset;   /* of the object in the block that was asked for */
} GraphPlace;

typedef struct {
    uint64_t filter[(1u << GRAPH_FILTER_BITS) / 64];
    GraphPlace places[GRAPH_PLACES];
    Item items[GRAPH_ITEMS];
    Edge edges[GRAPH_EDGES];
    uint32_t item_count, edge_count;
    int full;
} Graph;

static inline uint32_t graph_hash(uintptr_t address)
{
    return (uint32_t)((address >> 4) * 0x9E3779B97F4A7C15u >> 40);
}

/* Whether holders of what lies at this address may be wanted. */
static inline int graph_may_want(const Graph *graph, uintptr_t address)
{
    uint32_t at = graph_hash(address) & ((1u << GRAPH_FILTER_BITS) - 1);
    return (int)(graph->filter[at / 64] >> (at % 64) & 1);
}

/* A block is asked for; its number is that of its turn. 0, or -1 where there are too many. */
int graph_ask(Graph *graph, uintptr_t block);

/* The item that a live object is, and the item of a block that was asked for; GRAPH_NONE if there is none. */
uint32_t graph_find(const Graph *graph, PyObject *live);
uint32_t graph_find_block(const Graph *graph, uintptr_t block);

/* Make an edge, and the holder's item; its number, or GRAPH_NONE where there is no room or no use. `name`, borrowed. */
uint32_t graph_connect(Graph *graph, uint32_t child, PyObject *holder, ItemKind kind, PyObject *name);

/* An item for an object that may turn out to hold something, wanted from now on; GRAPH_NONE where there is no room. */
uint32_t graph_note(Graph *graph, PyObject *object);

/* Want the holders of nobody, then of these. */
void graph_want_none(Graph *graph);
void graph_want(Graph *graph, uint32_t item);

/* Drop up to so many references; 1 when there are none left. May run code of the program, as any drop may. */
int graph_drop(Graph *graph, uint32_t most);

#endif
