import CLamina
import CLinux
import Glibc
import LaminaProvider

/// What the kernel reports about datagrams that were sent: errors from the network (IP_RECVERR), and when they left
/// (SO_TIMESTAMPING). While such a report waits, the descriptor is always ready, so whoever would wait for data takes
/// the reports out first and keeps the latest of them for `LAMINA_RECEIVE_REPORTS`.
enum Reports {
    private static let messageFlag: Int32 = 0x2000  // MSG_ERRQUEUE
    fileprivate static let longestControl = 512
    fileprivate static let longestData = 1500
    private static let most = 64
    /// SO_TIMESTAMPING, which Swift can't import.
    private static let timestamping: Int32 = 37

    /// Notes an option that was set. -EOPNOTSUPP: reports about a connection could not be received.
    static func note(
        _ level: Int32,
        _ option: Int32,
        _ state: UnsafeMutablePointer<SocketState>
    ) -> Int32 {
        switch (level, option) {
        case (SOL_SOCKET, timestamping) where state.pointee.type == streamType: return -EOPNOTSUPP
        case (SOL_SOCKET, timestamping), (Int32(IPPROTO_IP), IP_RECVERR), (Int32(IPPROTO_IPV6), IPV6_RECVERR):
            clinux_store_u32(state.field(\.hasReports), 1)
        default: break
        }
        return 0
    }

    /// One report into `message`: its bytes, or a negative errno; -EAGAIN where there is none.
    static func receive(
        _ state: UnsafeMutablePointer<SocketState>,
        _ message: UnsafeMutablePointer<lamina_message>
    ) -> Int {
        guard let report = take(state) else {
            return receiveNow(state, message)
        }
        defer { free(UnsafeMutableRawPointer(report)) }
        let count = Int(message.pointee.buffer_count)
        let moved = scatter(report.data, report.pointee.length, over: message.pointee.buffers, count)
        message.pointee.address?.pointee = report.pointee.address
        let controlRoom = message.pointee.control == nil ? 0 : message.pointee.control_length
        let controlLength = min(controlRoom, report.pointee.controlLength)
        if let control = message.pointee.control { memcpy(control, report.control, controlLength) }
        message.pointee.control_length = controlLength
        message.pointee.bytes = UInt64(moved)
        message.pointee.flags = report.pointee.flags
        if moved < report.pointee.length { message.pointee.flags |= UInt32(LAMINA_MESSAGE_TRUNCATED) }
        if controlLength < report.pointee.controlLength {
            message.pointee.flags |= UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED)
        }
        return moved
    }

    fileprivate static func receiveNow(
        _ state: UnsafeMutablePointer<SocketState>,
        _ message: UnsafeMutablePointer<lamina_message>
    ) -> Int {
        Datagram.receive(state, message, messageFlag)
    }

    /// Takes what the kernel holds.
    @inline(__always)
    static func collect(_ state: UnsafeMutablePointer<SocketState>) {
        if clinux_load_u32(state.field(\.hasReports)) != 0 { collectSome(state) }
    }

    @inline(never)
    private static func collectSome(_ state: UnsafeMutablePointer<SocketState>) {
        for _ in 0..<most {
            guard let report = UnsafeMutablePointer<Report>.make() else { return }
            guard report.fill(from: state) else { return free(UnsafeMutableRawPointer(report)) }
            keep(report, state)
        }
    }

    private static func keep(_ report: UnsafeMutablePointer<Report>, _ state: UnsafeMutablePointer<SocketState>) {
        state.group.lock()
        var place = state.field(\.reports)
        var count = 0
        while let other = place.pointee {
            place = other.field(\.next)
            count += 1
        }
        place.pointee = report
        let oldest = count == most ? state.pointee.reports : nil
        if let oldest { state.pointee.reports = oldest.pointee.next }
        state.group.unlock()
        if let oldest { free(UnsafeMutableRawPointer(oldest)) }
    }

    private static func take(_ state: UnsafeMutablePointer<SocketState>) -> UnsafeMutablePointer<Report>? {
        state.group.lock()
        defer { state.group.unlock() }
        let first = state.pointee.reports
        state.pointee.reports = first?.pointee.next
        return first
    }

    /// Frees what is kept, of a socket that nobody uses any more.
    static func drop(_ state: UnsafeMutablePointer<SocketState>) {
        while let report = take(state) { free(UnsafeMutableRawPointer(report)) }
        clinux_store_u32(state.field(\.hasReports), 0)
    }

    /// One report that is kept; its control data and its bytes follow the struct.
    struct Report {
        fileprivate var next: UnsafeMutablePointer<Report>?
        fileprivate var address = lamina_address()
        fileprivate var length = 0
        fileprivate var controlLength = 0
        fileprivate var flags: UInt32 = 0
    }
}

extension UnsafeMutablePointer<Reports.Report> {
    fileprivate static func make() -> Self? {
        let size = MemoryLayout<Reports.Report>.stride + Reports.longestControl + Reports.longestData
        guard let memory = malloc(size) else { return nil }
        let report = memory.bindMemory(to: Reports.Report.self, capacity: 1)
        report.initialize(to: Reports.Report())
        return report
    }

    fileprivate var control: UnsafeMutableRawPointer { UnsafeMutableRawPointer(self + 1) }

    fileprivate var data: UnsafeMutableRawPointer { control + Reports.longestControl }

    /// Takes one from the kernel. False: there is none.
    fileprivate func fill(from state: UnsafeMutablePointer<SocketState>) -> Bool {
        var buffer = lamina_buffer(base: data, length: Reports.longestData)
        return withUnsafePointer(to: &buffer) { buffer in
            var message = lamina_message(
                into: buffer,
                address: field(\.address),
                control: control,
                controlRoom: Reports.longestControl
            )
            let received = Reports.receiveNow(state, &message)
            guard received >= 0 else { return false }
            pointee.length = received
            pointee.controlLength = message.control_length
            pointee.flags = message.flags
            return true
        }
    }
}
