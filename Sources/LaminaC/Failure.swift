import CLamina
import Glibc
import Lamina

/// Where a program wants a failure described.
typealias ErrorRoom = UnsafeMutablePointer<lamina_error>

/// What a C function answers: what `body` gives, or the failure's negative errno, described in `room`.
func answer<Value: FixedWidthInteger & SignedInteger>(
    _ room: ErrorRoom? = nil,
    _ body: () throws(LaminaError) -> Value
) -> Value {
    do throws(LaminaError) {
        return try body()
    } catch {
        if let room { error.write(to: room) }
        return Value(error.status)
    }
}

/// The argument that a function can't do without.
func given<Value>(_ value: Value?, _ name: StaticString) throws(LaminaError) -> Value {
    guard let value else { throw LaminaError(.invalidArgument, "\(name)", "is a null pointer", errno: EINVAL) }
    return value
}

/// The text of an argument that a function can't do without.
func text(_ value: UnsafePointer<CChar>?, _ name: StaticString) throws(LaminaError) -> String {
    String(cString: try given(value, name))
}

extension UnsafeMutablePointer {
    /// Writes as much of a struct as the program has room for: `size` bytes, or with 0 those of the first version.
    func write(_ value: Pointee, _ size: UInt32, first: Int) {
        let size = min(size == 0 ? first : Int(size), MemoryLayout<Pointee>.size)
        withUnsafeBytes(of: value) { bytes in
            UnsafeMutableRawBufferPointer(start: self, count: size).copyMemory(from: .init(rebasing: bytes[..<size]))
        }
    }
}

extension LaminaError {
    /// The negative errno that stands for it.
    var status: lamina_status { -(errno > 0 ? errno : meaning.errno) }

    /// Writes it as far as the program's struct goes.
    func write(to room: ErrorRoom) {
        var error = lamina_error()
        error.size = room.pointee.size
        error.status = status
        error.code = UInt32(meaning.code)
        withUnsafeMutableBytes(of: &error.level) { Self.write(level ?? "", to: $0) }
        withUnsafeMutableBytes(of: &error.message) { Self.write(description, to: $0) }
        room.write(error, room.pointee.size, first: 512)
    }

    /// Writes as many whole characters as fit, and a NUL.
    private static func write(_ text: String, to room: UnsafeMutableRawBufferPointer) {
        var length = 0
        for character in text.unicodeScalars {
            let bytes = Array(String(character).utf8)
            guard length + bytes.count < room.count else { break }
            for byte in bytes {
                room[length] = byte
                length += 1
            }
        }
        room[length] = 0
    }

    /// The C code, and the errno for an error that carries none.
    private var meaning: (code: Int, errno: Int32) {
        switch code {
        case .invalidArgument: (LAMINA_ERROR_INVALID_ARGUMENT, EINVAL)
        case .notFound: (LAMINA_ERROR_NOT_FOUND, ENOENT)
        case .invalidManifest: (LAMINA_ERROR_INVALID_MANIFEST, EINVAL)
        case .invalidSetting: (LAMINA_ERROR_INVALID_SETTING, EINVAL)
        case .invalidChain: (LAMINA_ERROR_INVALID_CHAIN, EINVAL)
        case .loadFailed: (LAMINA_ERROR_LOAD_FAILED, ENOEXEC)
        case .incompatible: (LAMINA_ERROR_INCOMPATIBLE, ENOEXEC)
        case .refused: (LAMINA_ERROR_REFUSED, EPERM)
        case .closed: (LAMINA_ERROR_CLOSED, EBADF)
        case .notSupported: (LAMINA_ERROR_NOT_SUPPORTED, EOPNOTSUPP)
        case .cancelled: (LAMINA_ERROR_CANCELLED, ECANCELED)
        case .timedOut: (LAMINA_ERROR_TIMED_OUT, ETIMEDOUT)
        default: (LAMINA_ERROR_SYSTEM, EIO)
        }
    }
}
