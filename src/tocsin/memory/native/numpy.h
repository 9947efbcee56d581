/* Seeing the memory of arrays: numpy allocates it by itself and tells `tracemalloc` of it, block by block.
 *
 * The two functions that it calls are looked up once through its table of foreign functions; the entries are exchanged
 * for ours, which go on to the real ones. Nothing is exchanged where that table is not found, and then the memory of
 * arrays is seen in the residual only.
 */
#ifndef TOCSIN_NUMPY_H
#define TOCSIN_NUMPY_H

/* Exchange what is found in the libraries that were loaded since the last time; the number of entries. With the GIL. */
int numpy_patch(void);

#endif
