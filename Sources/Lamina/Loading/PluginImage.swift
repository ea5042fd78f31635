import CLinux
import Glibc

/// A mapped plug-in: which addresses are its own code. A provider that is linked into the program has none, and is
/// trusted with any.
struct PluginImage: @unchecked Sendable {
    // The loader's handle is only compared and asked; the image stays mapped for good.
    private let handle: UnsafeMutableRawPointer?
    private let code: [clinux_range]
    /// What errors call the image.
    let path: String

    /// A program's own code, which isn't checked.
    init(builtIn name: String) {
        handle = nil
        code = []
        path = name
    }

    /// Maps a file and runs its constructors. Blocks for the file, and for what they do.
    init(loading path: String) throws(LaminaError) {
        guard let handle = clinux_load(path) else {
            var cause = dlerror().map { String(cString: $0) } ?? "the dynamic loader gives no reason"
            if cause.hasPrefix("\(path): ") { cause.removeFirst(path.count + 2) }
            throw LaminaError(
                .loadFailed,
                path,
                cause,
                remedy: "install what it needs, or build it against this system"
            )
        }
        var ranges = [clinux_range](repeating: clinux_range(), count: 16)
        let count = clinux_executable_ranges(handle, &ranges, Int32(ranges.count))
        self.handle = handle
        self.path = path
        code = Array(ranges.prefix(Int(count)))
    }

    /// A symbol that the image itself defines; `dlsym` would search its dependencies too.
    func symbol(_ name: String) throws(LaminaError) -> UnsafeMutableRawPointer {
        guard let symbol = dlsym(handle, name) else {
            throw LaminaError(
                .loadFailed,
                path,
                "has no symbol \(name)",
                remedy: "define and export it (LAMINA_EXPORT)"
            )
        }
        guard clinux_is_in_image(handle, symbol), holds(UInt(bitPattern: symbol)) else {
            throw LaminaError(
                .loadFailed,
                path,
                "\(name) is not its own but a dependency's",
                remedy: "define it in the plug-in, or name that dependency"
            )
        }
        return symbol
    }

    /// Whether an address lies in the image's own code.
    func holds(_ address: UInt) -> Bool {
        handle == nil || code.contains { $0.start <= address && address < $0.end }
    }
}
