import Glibc

/// What an opaque pointer of the C API stands for: an object, retained until the program gives the pointer back, and the
/// texts that live as long.
final class Handle<Object>: @unchecked Sendable {
    // Constant after it is made.
    let object: Object
    private let texts: [UnsafeMutablePointer<CChar>?]

    init(_ object: Object, texts: [String] = []) {
        self.object = object
        self.texts = texts.map { strdup($0) }
    }

    deinit {
        for text in texts { free(text) }
    }

    /// One of the texts; nil beyond the last.
    func text(_ index: Int) -> UnsafePointer<CChar>? {
        texts.indices.contains(index) ? UnsafePointer(texts[index]) : nil
    }

    /// The pointer for the program.
    func give() -> OpaquePointer {
        OpaquePointer(Unmanaged.passRetained(self).toOpaque())
    }

    /// What a pointer of the program stands for.
    static func of(_ pointer: OpaquePointer) -> Handle {
        Unmanaged<Handle>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
    }

    /// Takes a pointer back; nil is ignored.
    static func take(_ pointer: OpaquePointer?) {
        if let pointer { Unmanaged<Handle>.fromOpaque(UnsafeRawPointer(pointer)).release() }
    }
}
