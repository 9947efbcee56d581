/* See graph.h. */

#include "graph.h"

#include "layout.h"

#define HOLDERS_MOST 24 /* of one item: who holds an interned string is no news */
#define ALIKE_MOST 4    /* of them of one type and about one length: a thousand children hold their parent */
#define FOLLOWED 2      /* of them looked for in the same pass; the others wait for the next */
#define DEPTH_MOST 32

static uint32_t place_of(const Graph *graph, uintptr_t address)
{
    return graph_hash(address) & (GRAPH_PLACES - 1);
}

static void put(Graph *graph, uintptr_t address, uint32_t item, uint32_t offset)
{
    uint32_t at = place_of(graph, address);
    while (graph->places[at].address != 0)
        at = (at + 1) & (GRAPH_PLACES - 1);
    graph->places[at] = (GraphPlace){address, item, offset};
}

static const uint32_t offsets[] = {0, 2 * sizeof(void *), 4 * sizeof(void *)};

static void wish(Graph *graph, uintptr_t address)
{
    uint32_t at = graph_hash(address) & ((1u << GRAPH_FILTER_BITS) - 1);
    graph->filter[at / 64] |= (uint64_t)1 << (at % 64);
}

void graph_want(Graph *graph, uint32_t number)
{
    Item *item = &graph->items[number];
    item->wanted = 1;
    wish(graph, item->address);
    if (item->kind == ITEM_ASKED)
        for (int at = 0; at < 3; at++)
            wish(graph, item->address + offsets[at]);
}

void graph_want_none(Graph *graph)
{
    memset(graph->filter, 0, sizeof graph->filter);
    for (uint32_t number = 0; number < graph->item_count; number++)
        graph->items[number].wanted = 0;
}

int graph_ask(Graph *graph, uintptr_t block)
{
    if (graph->item_count >= GRAPH_ITEMS / 3)
        return -1;
    uint32_t number = graph->item_count++;
    graph->items[number] = (Item){.address = block, .length = -1, .kind = ITEM_ASKED};
    for (int at = 0; at < 3; at++)
        put(graph, block + offsets[at], number, offsets[at]);
    graph_want(graph, number);
    return 0;
}

static int is_it(const Graph *graph, const GraphPlace *place, PyObject *live)
{
    const Item *item = &graph->items[place->item];
    if (place->offset != 0)
        return place->offset == layout_header(Py_TYPE(live));
    return item->type == NULL || item->kind == ITEM_ASKED || item->type == Py_TYPE(live);
}

uint32_t graph_find(const Graph *graph, PyObject *live)
{
    uint32_t at = place_of(graph, (uintptr_t)live);
    for (; graph->places[at].address != 0; at = (at + 1) & (GRAPH_PLACES - 1))
        if (graph->places[at].address == (uintptr_t)live && is_it(graph, &graph->places[at], live))
            return graph->places[at].item;
    return GRAPH_NONE;
}

uint32_t graph_find_block(const Graph *graph, uintptr_t block)
{
    uint32_t at = place_of(graph, block);
    for (; graph->places[at].address != 0; at = (at + 1) & (GRAPH_PLACES - 1)) {
        const GraphPlace *place = &graph->places[at];
        if (place->address == block && place->offset == 0 && place->item < graph->item_count
            && graph->items[place->item].kind == ITEM_ASKED)
            return place->item;
    }
    return GRAPH_NONE;
}

static unsigned magnitude(Py_ssize_t length)
{
    return length <= 0 ? (unsigned)(length + 1) : 66u - (unsigned)__builtin_clzll((unsigned long long)length);
}

/* Whether one more holder of this kind tells anything. */
static int is_news(const Graph *graph, uint32_t child, PyObject *holder, ItemKind kind)
{
    const Item *item = &graph->items[child];
    if (item->holders >= 2 * HOLDERS_MOST || item->depth >= DEPTH_MOST)
        return 0;
    if (kind != ITEM_OBJECT)
        return 1;
    unsigned alike = 0, length = magnitude(layout_length(holder));
    for (uint32_t at = item->edges; at != 0; at = graph->edges[at - 1].next) {
        const Item *other = &graph->items[graph->edges[at - 1].holder];
        alike += other->type == Py_TYPE(holder) && magnitude(other->length) == length;
    }
    return item->holders < HOLDERS_MOST && alike < ALIKE_MOST;
}

static uint32_t add_item(Graph *graph, PyObject *holder, ItemKind kind, uint8_t depth)
{
    if (graph->item_count >= GRAPH_ITEMS) {
        graph->full = 1;
        return GRAPH_NONE;
    }
    uint32_t number = graph->item_count++;
    graph->items[number] = (Item){.address = (uintptr_t)holder, .length = -1, .kind = (uint8_t)kind, .depth = depth};
    put(graph, (uintptr_t)holder, number, 0);
    return number;
}

/* What was only an address is met alive, as a holder. */
static void know(Item *item, PyObject *live)
{
    item->length = layout_length(live);
    item->type = Py_TYPE(live);
    if (item->object == NULL && layout_may_be_held(Py_TYPE(live)))
        item->object = Py_NewRef(live);
}

uint32_t graph_note(Graph *graph, PyObject *object)
{
    uint32_t number = graph_find(graph, object);
    if (number == GRAPH_NONE)
        number = add_item(graph, object, ITEM_OBJECT, 1);
    if (number != GRAPH_NONE) {
        know(&graph->items[number], object);
        graph_want(graph, number);
    }
    return number;
}

static int has_edge(const Graph *graph, uint32_t child, uint32_t holder, PyObject *name)
{
    for (uint32_t at = graph->items[child].edges; at != 0; at = graph->edges[at - 1].next)
        if (graph->edges[at - 1].holder == holder
            && (graph->edges[at - 1].name == name || graph->items[holder].kind != ITEM_FRAME))
            return 1;
    return 0;
}

uint32_t graph_connect(Graph *graph, uint32_t child, PyObject *holder, ItemKind kind, PyObject *name)
{
    uint32_t number = graph_find(graph, holder);
    if (number == child || (number != GRAPH_NONE && has_edge(graph, child, number, name)))
        return number;
    if (!is_news(graph, child, holder, kind))
        return GRAPH_NONE;
    if (graph->edge_count >= GRAPH_EDGES) {
        graph->full = 1;
        return GRAPH_NONE;
    }
    int is_new = number == GRAPH_NONE;
    if (is_new && (number = add_item(graph, holder, kind, (uint8_t)(graph->items[child].depth + 1))) == GRAPH_NONE)
        return GRAPH_NONE;
    know(&graph->items[number], holder);
    Item *item = &graph->items[child];
    graph->edges[graph->edge_count] = (Edge){child, number, item->edges, Py_XNewRef(name)};
    item->edges = ++graph->edge_count;
    item->holders++;
    if (is_new && kind == ITEM_OBJECT && item->holders <= FOLLOWED)
        graph_want(graph, number);
    return number;
}

int graph_drop(Graph *graph, uint32_t most)
{
    for (; most > 0 && graph->item_count > 0; most--) {
        Item *item = &graph->items[--graph->item_count];
        PyObject *object = item->object, *module = item->module;
        item->object = item->module = NULL;
        Py_XDECREF(module);
        Py_XDECREF(object);
    }
    for (; most > 0 && graph->edge_count > 0; most--) {
        PyObject *name = graph->edges[--graph->edge_count].name;
        Py_XDECREF(name);
    }
    return graph->item_count == 0 && graph->edge_count == 0;
}
