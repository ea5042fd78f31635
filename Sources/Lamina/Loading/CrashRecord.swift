import CLinux
import Glibc

/// Where a process of ours crashed, as it said itself (`clinux_report_crashes`).
package struct CrashRecord {
    /// The signals by which a process ends itself.
    package static let signals = [SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]

    private let record: clinux_crash

    /// Reads a crash's report; nil where the bytes are something else.
    package init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == MemoryLayout<clinux_crash>.size, bytes.first == UInt8(CLINUX_CRASH_REPORT) else {
            return nil
        }
        record = bytes.withUnsafeBytes { $0.loadUnaligned(as: clinux_crash.self) }
    }

    /// The signal.
    package var signal: Int32 { record.number }

    /// The library whose code was being run; nil where it was none that is looked for.
    package var file: String? {
        let path = withUnsafeBytes(of: record.file, Self.text)
        return path.isEmpty ? nil : path
    }

    /// `in connect`, `in what was called at 0x1234`.
    package var place: String {
        let function = withUnsafeBytes(of: record.function, Self.text)
        let place = function.isEmpty ? "at 0x\(String(record.offset, radix: 16))" : "in \(function)"
        return record.called == 0 ? place : "in what was called \(place)"
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// A signal's name, as kill(1) writes it.
    package static func name(ofSignal number: Int32) -> String {
        let names: [Int32: String] = [
            SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
            SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV",
            SIGTERM: "SIGTERM", SIGSYS: "SIGSYS",
        ]
        return names[number] ?? "signal \(number)"
    }
}
