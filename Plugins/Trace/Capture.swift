import CLamina
import Glibc
import LaminaProvider

/// What a level with `pcap` writes: its file, and the packets that a socket's calls would have been.
final class Capture: @unchecked Sendable {
    // Guarded by the lock.
    private var file: CaptureFile
    private var isLost = false
    private let label: String
    private let slot: Slot
    private let process = getpid()
    private static let lock = PluginLock {}

    /// Begins a file. Throws the errno of an open that failed.
    init(_ path: UnsafePointer<CChar>, label: UnsafePointer<CChar>, _ slot: Slot) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(errno) }
        self.label = String(cString: label)
        self.slot = slot
        file = CaptureFile(descriptor, named: self.label)
        file.flush()
        guard file.failure == 0 else { throw Failure(file.failure) }
    }

    /// Writes what has gathered.
    func flush() {
        guard process == getpid() else { return }
        Self.lock.locked { file.flush() }
        tell()
    }

    /// What a new socket's packets say.
    func flow(_ slot: Slot) -> Flow {
        let origin = slot.pointee.column.pointee.origin
        let path = origin?.pointee.executable.map { String(cString: $0) } ?? OwnProcess.executable
        let program = path?.split(separator: "/").last.map(String.init) ?? "unknown"
        let number = origin?.pointee.process ?? getpid()
        let name = origin?.pointee.name.map { " \(String(cString: $0))" } ?? ""
        return Flow(comment: "\(program)[\(number)] #\(slot.pointee.column.pointee.serial) \(label)\(name)")
    }

    /// Runs `body` while nobody else writes; it gets what adds a packet to the file, at a time or now.
    func write(_ body: ((Flow, [UInt8], Int64?) -> Void) -> Void) {
        // In a child process, what has gathered is the parent's.
        guard process == getpid() else { return }
        Self.lock.locked {
            body { flow, packet, time in
                guard !packet.isEmpty else { return }
                self.file.add(packet, at: time ?? Self.now, comment: flow.comment)
            }
        }
        tell()
    }

    /// Says once that the file can't be written any more.
    private func tell() {
        let cause = Self.lock.locked { () -> Int32 in
            guard file.failure != 0, !isLost else { return 0 }
            isLost = true
            return file.failure
        }
        guard cause != 0 else { return }
        LineBuffer.log(slot, LAMINA_LOG_ERROR, "packets can't be written to the file and are lost: ", cause: cause)
    }

    /// Nanoseconds since 1970.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension PacketEnd {
    /// The end at an IP address; nil of others.
    init?(_ address: lamina_address) {
        guard let bytes = NumericAddress.plain(address) else { return nil }
        self.init(bytes: bytes, port: withUnsafePointer(to: address) { $0.port })
    }
}
