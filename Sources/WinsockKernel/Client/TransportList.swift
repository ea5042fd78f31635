import CLamina
import CLinux
import CWinsockKernel
import Glibc
import Lamina

/// The provider catalog as transports: one row for each protocol of the base that the program's chain has, then of every
/// other base that can be used.
enum TransportList {
    static var rows: [WSK_TRANSPORT] {
        let own = Provider.chain?.instances.last?.provider.manifest
        let others = Catalog().verified().filter(\.isAvailable).compactMap(\.manifest)
            .filter { $0.kind == .base && !$0.isHidden && $0.name != own?.name }
        return ([own].compactMap { $0 } + others).flatMap(rows)
    }

    /// Protocols without a number can't be opened: WskSocket wants one.
    private static func rows(of base: Manifest) -> [WSK_TRANSPORT] {
        let identity = Identities.guid(base.uuid)
        return base.protocols.filter { $0.protocol != 0 }.map { offered in
            var row = WSK_TRANSPORT()
            row.Version = Provider.version
            row.SocketType = UInt16(truncatingIfNeeded: offered.type)
            row.Protocol = UInt32(bitPattern: offered.protocol)
            row.AddressFamily = UInt16(truncatingIfNeeded: offered.family)
            row.ProviderId = identity
            return row
        }
    }

    /// What rows say, to be compared.
    private static var bytes: [UInt8] {
        rows.flatMap { row in
            [UInt32(row.SocketType), row.Protocol, UInt32(row.AddressFamily)].flatMap { value in
                withUnsafeBytes(of: value) { Array($0) }
            } + withUnsafeBytes(of: row.ProviderId) { Array($0) }
        }
    }

    // MARK: - WSK_TRANSPORT_LIST_CHANGE

    private static let mutex = SystemMutex()
    // Guarded by the mutex.
    nonisolated(unsafe) private static var isWatched = false

    /// Sees to it that requests which wait for a change end with one. They wait for their client's end alone where the
    /// catalog can't be watched, and a line says so.
    static func watch() {
        mutex.hold {
            guard !isWatched else { return }
            isWatched = true
            do throws(LaminaError) {
                let monitor = try CatalogMonitor()
                let context = Unmanaged.passRetained(Watch(monitor, bytes)).toOpaque()
                if wsk_start_helper(run, context) != 0 {
                    Report.line("no thread can be started to watch the catalog")
                }
            } catch {
                Report.line("\(error)")
            }
        }
    }

    private static let run: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
        guard let context else { return }
        Unmanaged<Watch>.fromOpaque(context).takeUnretainedValue().run()
    }

    private final class Watch {
        private let monitor: CatalogMonitor
        private var known: [UInt8]

        init(_ monitor: CatalogMonitor, _ known: [UInt8]) {
            self.monitor = monitor
            self.known = known
        }

        func run() {
            while true {
                _ = monitor.wait()
                let now = TransportList.bytes
                guard now != known else { continue }
                known = now
                for irp in Client.takeListChanges() { Submission.finish(irp, STATUS_SUCCESS, 0, isInline: false) }
            }
        }
    }
}
