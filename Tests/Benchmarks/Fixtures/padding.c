// Linked first, so that each copy of a library has its code at an offset of its own: copies that share text offsets
// compete for the same predictor and cache entries.
__attribute__((used)) static void padding(void) {
    __asm__ volatile(".skip " PADDING);
}
