public import CLamina

extension lamina_table {
    /// A dispatch table in the version of this SDK, with the entries that `fill` sets; the others pass the level by.
    /// `Immortal.copy` gives it the place that an instance needs. Never fails, on any thread.
    public init(_ fill: (inout lamina_table) -> Void) {
        self.init()
        size = UInt32(MemoryLayout<lamina_table>.size)
        version = LAMINA_ABI_VERSION
        fill(&self)
    }
}

extension lamina_indications {
    /// A table of indications in the version of this SDK, with those that `fill` sets; the others pass the level by.
    /// `Immortal.copy` gives it the place that an instance needs. Never fails, on any thread.
    public init(_ fill: (inout lamina_indications) -> Void) {
        self.init()
        size = UInt32(MemoryLayout<lamina_indications>.size)
        version = LAMINA_ABI_VERSION
        fill(&self)
    }
}
