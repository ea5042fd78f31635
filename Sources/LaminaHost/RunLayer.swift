import CLamina
import Glibc
import Lamina

/// The layer that stands over the base in a run's chain. It takes the connect of a socket whose data isn't the
/// chain's, or only until it is connected: the program's own socket is connected instead, and the connect ends with what
/// came of that.
enum RunLayer {
    /// Its label, which no user's is.
    static let label = "lamina.run"

    /// What an open carries in its first reserved word for a socket whose connect is left to the program. The object
    /// must live as long as the socket.
    static func mark(_ connect: DirectConnect) -> UInt64 {
        UInt64(UInt(bitPattern: Unmanaged.passUnretained(connect).toOpaque()))
    }

    /// The layer, linked into this program.
    static func provider() throws(LaminaError) -> Provider {
        try Library(builtIn: startup, name: label).provider()
    }

    private static let startup: Library.Startup = { _, result in
        lamina_offer(result, offered, 1)
    }

    // Written once, before their first use, and constant afterwards.
    nonisolated(unsafe) private static let offered: UnsafePointer<UnsafePointer<lamina_provider>?> = {
        func text(_ string: String) -> UnsafePointer<CChar> {
            let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: string.utf8CString.count)
            _ = copy.initialize(from: string.utf8CString)
            return UnsafePointer(copy.baseAddress.unsafelyUnwrapped)
        }
        let provider = UnsafeMutablePointer<lamina_provider>.allocate(capacity: 1)
        memset(provider, 0, MemoryLayout<lamina_provider>.size)
        provider.pointee.size = UInt32(MemoryLayout<lamina_provider>.size)
        provider.pointee.kind = UInt32(LAMINA_LAYERED_PROVIDER)
        provider.pointee.name = text(label)
        provider.pointee.version = text("1")
        provider.pointee.summary = text("connects the sockets of programs under lamina run")
        provider.pointee.uuid = text("5b1f2c1e-6b0a-4f5e-9a53-6d1f0c9c7a11")
        provider.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
        provider.pointee.handoff = UInt32(LAMINA_HANDOFF_NONE)
        provider.pointee.phase = UInt32(LAMINA_PHASE_SYSTEM)
        provider.pointee.categories = UInt32(LAMINA_CONNECTION)
        provider.pointee.instantiate = { _, instance in
            instance.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
            instance.pointee.table = UnsafePointer(RunLayer.table)
            return 0
        }
        let list = UnsafeMutablePointer<UnsafePointer<lamina_provider>?>.allocate(capacity: 1)
        list.initialize(to: UnsafePointer(provider))
        return UnsafePointer(list)
    }()

    /// Who takes a socket's connect; nil for one that is the chain's.
    private static func connect(of slot: UnsafeMutablePointer<lamina_slot>) -> DirectConnect? {
        slot.pointee.context.map { Unmanaged<DirectConnect>.fromOpaque($0).takeUnretainedValue() }
    }

    nonisolated(unsafe) private static let table: UnsafeMutablePointer<lamina_table> = {
        let table = UnsafeMutablePointer<lamina_table>.allocate(capacity: 1)
        memset(table, 0, MemoryLayout<lamina_table>.size)
        table.pointee.size = UInt32(MemoryLayout<lamina_table>.size)
        table.pointee.version = LAMINA_ABI_VERSION
        table.pointee.open = { slot, arguments, request in
            slot.pointee.context = UnsafeMutableRawPointer(bitPattern: UInt(arguments.pointee.reserved.0))
            guard let connect = connect(of: slot) else { return lamina_open(slot, arguments, request) }
            connect.takesAnyFamily = arguments.pointee.family == AF_UNSPEC
            // The base needs no descriptor, unless it gets the program's.
            var bare = arguments.pointee
            bare.family = AF_UNSPEC
            return lamina_open(slot, &bare, request)
        }
        table.pointee.connect = { slot, address, flags, request in
            connect(of: slot)?.take(slot, address, request) ?? lamina_connect(slot, address, flags, request)
        }
        return table
    }()
}
