import CLaminaRun
import CLinux
import Glibc

/// A call that the guard's filter stopped: its caller waits until it is answered, once, by one of the functions here.
struct StoppedCall {
    private let listener: Int32
    private let call: clinux_call

    /// The next one of a listener; nil where none waits.
    init?(of listener: Int32) {
        var call = clinux_call()
        guard clinux_guard_receive(listener, &call) == 1 else { return nil }
        self.listener = listener
        self.call = call
    }

    var kind: clinux_guarded_call { clinux_guarded_call_of(call.number) }
    /// Its number is one of another architecture's.
    var isForeign: Bool { call.foreign != 0 }
    var arguments: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) { call.arguments }
    /// An argument that is an `int`.
    func integer(_ index: Int) -> Int32 {
        let words = [arguments.0, arguments.1, arguments.2, arguments.3, arguments.4, arguments.5]
        return Int32(truncatingIfNeeded: words[index])
    }
    /// The thread that makes it, and its process.
    var thread: pid_t { call.thread }
    var process: pid_t { Process.group(of: call.thread) }

    /// A duplicate of its first argument, which is the caller's to close, or a negative errno.
    func duplicate() -> Int32 {
        clinux_descriptor_of(call.thread, Int32(truncatingIfNeeded: call.arguments.0))
    }

    /// Ends it with a value, or a negative errno.
    func answer(_ result: Int64) {
        clinux_guard_answer(listener, call.id, result)
    }

    /// Lets the kernel carry it out.
    func goOn() {
        clinux_guard_continue(listener, call.id)
    }

    /// Reads `count` bytes, at most `most`, of the caller's memory; nil if they can't be read, or the caller is gone
    /// and another may have its number.
    func read(_ address: UInt64, _ count: UInt64, most: Int = 128) -> [UInt8]? {
        let wanted = Int(clamping: min(count, UInt64(most)))
        var bytes = [UInt8](repeating: 0, count: wanted)
        guard clinux_read_memory(call.thread, address, &bytes, wanted) == wanted else { return nil }
        return clinux_guard_waits(listener, call.id) != 0 ? bytes : nil
    }

    /// Reads a socket address as the kernel does: EINVAL for a length that no address has, EFAULT where it can't be read.
    func address(at place: UInt64, length: UInt64) throws(Errno) -> SocketBytes {
        let count = Int32(truncatingIfNeeded: length)
        guard 0...Int32(MemoryLayout<sockaddr_storage>.size) ~= count else { throw Errno(EINVAL) }
        guard let bytes = read(place, UInt64(count)) else { throw Errno(EFAULT) }
        return SocketBytes(bytes)
    }

    /// Reads a value of the caller's memory.
    func read<Value: BitwiseCopyable>(_ type: Value.Type, at address: UInt64) -> Value? {
        let size = MemoryLayout<Value>.size
        guard let bytes = read(address, UInt64(size), most: size) else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(as: type) }
    }

    /// Writes to the caller's memory; false where it can't be written.
    func write(_ bytes: UnsafeRawBufferPointer, at address: UInt64) -> Bool {
        // The caller, or nobody: its number is not another's while it waits.
        guard clinux_guard_waits(listener, call.id) != 0 else { return false }
        return clinux_write_memory(call.thread, address, bytes.baseAddress, bytes.count) == bytes.count
    }

    /// Writes a value.
    func write<Value: BitwiseCopyable>(_ value: Value, at address: UInt64) -> Bool {
        withUnsafeBytes(of: value) { write($0, at: address) }
    }

    /// Writes an address as the kernel does: cut to `room` bytes, and how many it has to `length`.
    func write(_ address: Endpoint, at place: UInt64, room: socklen_t, length: UInt64) -> Bool {
        withUnsafeBytes(of: address.raw.storage) { storage in
            let cut = UnsafeRawBufferPointer(rebasing: storage.prefix(Int(min(room, address.raw.length))))
            return (cut.isEmpty || write(cut, at: place)) && write(address.raw.length, at: length)
        }
    }

    /// A descriptor that is readable when the caller has ended, or a negative errno.
    func ending() -> Int32 { clinux_thread_descriptor(call.thread) }
}
