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
        case (SOL_SOCKET, timestamping) where unsafe state.pointee.type == streamType: return -EOPNOTSUPP
        case (SOL_SOCKET, timestamping), (Int32(IPPROTO_IP), IP_RECVERR), (Int32(IPPROTO_IPV6), IPV6_RECVERR):
            unsafe clinux_store_u32(state.field(\.hasReports), 1)
        default: break
        }
        return 0
    }

    /// One report into `message`: its bytes, or a negative errno; -EAGAIN where there is none.
    static func receive(
        _ state: UnsafeMutablePointer<SocketState>,
        _ message: UnsafeMutablePointer<lamina_message>
    ) -> Int {
        guard let report = unsafe take(state) else {
            return unsafe receiveNow(state, message)
        }
        defer { unsafe free(UnsafeMutableRawPointer(report)) }
        let count = unsafe Int(message.pointee.buffer_count)
        let moved = unsafe scatter(report.data, report.pointee.length, over: message.pointee.buffers, count)
        unsafe message.pointee.address?.pointee = report.pointee.address
        let controlRoom = unsafe message.pointee.control == nil ? 0 : message.pointee.control_length
        let controlLength = unsafe min(controlRoom, report.pointee.controlLength)
        if let control = unsafe message.pointee.control { unsafe memcpy(control, report.control, controlLength) }
        unsafe message.pointee.control_length = controlLength
        unsafe message.pointee.bytes = UInt64(moved)
        unsafe message.pointee.flags = report.pointee.flags
        if unsafe moved < report.pointee.length { unsafe message.pointee.flags |= UInt32(LAMINA_MESSAGE_TRUNCATED) }
        if unsafe controlLength < report.pointee.controlLength {
            unsafe message.pointee.flags |= UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED)
        }
        return moved
    }

    fileprivate static func receiveNow(
        _ state: UnsafeMutablePointer<SocketState>,
        _ message: UnsafeMutablePointer<lamina_message>
    ) -> Int {
        unsafe Datagram.receive(state, message, messageFlag)
    }

    /// Takes what the kernel holds.
    @inline(__always)
    static func collect(_ state: UnsafeMutablePointer<SocketState>) {
        if unsafe clinux_load_u32(state.field(\.hasReports)) != 0 { unsafe collectSome(state) }
    }

    @inline(never)
    private static func collectSome(_ state: UnsafeMutablePointer<SocketState>) {
        for _ in 0..<most {
            guard let report = unsafe UnsafeMutablePointer<Report>.make() else { return }
            guard unsafe report.fill(from: state) else { return unsafe free(UnsafeMutableRawPointer(report)) }
            unsafe keep(report, state)
        }
    }

    private static func keep(_ report: UnsafeMutablePointer<Report>, _ state: UnsafeMutablePointer<SocketState>) {
        unsafe state.group.lock()
        var place = unsafe state.field(\.reports)
        var count = 0
        while let other = unsafe place.pointee {
            unsafe place = other.field(\.next)
            count += 1
        }
        unsafe place.pointee = report
        let oldest = unsafe count == most ? state.pointee.reports : nil
        if let oldest = unsafe oldest { unsafe state.pointee.reports = oldest.pointee.next }
        unsafe state.group.unlock()
        if let oldest = unsafe oldest { unsafe free(UnsafeMutableRawPointer(oldest)) }
    }

    private static func take(_ state: UnsafeMutablePointer<SocketState>) -> UnsafeMutablePointer<Report>? {
        unsafe state.group.lock()
        defer { unsafe state.group.unlock() }
        let first = unsafe state.pointee.reports
        unsafe state.pointee.reports = first?.pointee.next
        return unsafe first
    }

    /// Frees what is kept, of a socket that nobody uses any more.
    static func drop(_ state: UnsafeMutablePointer<SocketState>) {
        while let report = unsafe take(state) { unsafe free(UnsafeMutableRawPointer(report)) }
        unsafe clinux_store_u32(state.field(\.hasReports), 0)
    }

    /// One report that is kept; its control data and its bytes follow the struct.
    @unsafe struct Report {
        fileprivate var next: UnsafeMutablePointer<Report>?
        fileprivate var address = lamina_address()
        fileprivate var length = 0
        fileprivate var controlLength = 0
        fileprivate var flags: UInt32 = 0
    }
}

extension UnsafeMutablePointer<Reports.Report> {
    fileprivate static func make() -> Self? {
        let size = unsafe MemoryLayout<Reports.Report>.stride + Reports.longestControl + Reports.longestData
        guard let memory = unsafe malloc(size) else { return nil }
        let report = unsafe memory.bindMemory(to: Reports.Report.self, capacity: 1)
        unsafe report.initialize(to: Reports.Report())
        return unsafe report
    }

    fileprivate var control: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(self + 1) }

    fileprivate var data: UnsafeMutableRawPointer { unsafe control + Reports.longestControl }

    /// Takes one from the kernel. False: there is none.
    fileprivate func fill(from state: UnsafeMutablePointer<SocketState>) -> Bool {
        var buffer = unsafe lamina_buffer(base: data, length: Reports.longestData)
        return unsafe withUnsafePointer(to: &buffer) { buffer in
            var message = unsafe lamina_message(
                into: buffer,
                address: field(\.address),
                control: control,
                controlRoom: Reports.longestControl
            )
            let received = unsafe Reports.receiveNow(state, &message)
            guard received >= 0 else { return false }
            unsafe pointee.length = received
            unsafe pointee.controlLength = message.control_length
            unsafe pointee.flags = message.flags
            return true
        }
    }
}
