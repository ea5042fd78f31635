import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Datagrams that travel together: as many by one system call as it has room for, as many calls as they need.
@unsafe struct DatagramBatch {
    private let state: UnsafeMutablePointer<SocketState>
    /// What is sent, or where to receive to.
    private let messages: UnsafePointer<lamina_message>
    /// Where the outcome of each is written; nil for nowhere.
    private let results: UnsafeMutablePointer<lamina_message>?
    private let count: Int
    private let flags: Int32
    /// Where messages go that name no destination, while they are sent.
    private var destination: UnsafeMutablePointer<lamina_address>?
    /// How many of them are done.
    private(set) var done: Int
    /// Bytes of those that this batch did.
    private(set) var bytes: UInt64 = 0

    /// The messages from `done` on. `flags` are the system call's.
    init(
        _ state: UnsafeMutablePointer<SocketState>,
        _ messages: UnsafePointer<lamina_message>,
        _ results: UnsafeMutablePointer<lamina_message>?,
        count: Int,
        done: Int = 0,
        flags: Int32
    ) {
        unsafe self.state = state
        unsafe self.messages = messages
        unsafe self.results = results
        unsafe self.count = count
        unsafe self.done = done
        unsafe self.flags = flags
    }

    /// Sends in order until all are sent, the socket is full (-EAGAIN), or one can't be sent (its errno).
    mutating func send() -> Int32 {
        unsafe state.withSendTo { destination in
            unsafe self.destination = destination
            return unsafe withUnsafeMutablePointer(to: &self) { unsafe clinux_with_messages(Self.sendInto, $0) }
        }
    }

    /// Receives what is there, at least one; -EAGAIN: nothing is, or another errno where the first failed.
    mutating func receive() -> Int32 {
        unsafe withUnsafeMutablePointer(to: &self) { unsafe clinux_with_messages(Self.receiveInto, $0) }
    }

    private typealias Body = @convention(c) (UnsafeMutablePointer<clinux_message>, UnsafeMutableRawPointer) -> Int32

    private static let sendInto: Body = { room, context in
        let batch = unsafe context.assumingMemoryBound(to: DatagramBatch.self)
        while unsafe batch.pointee.done < batch.pointee.count {
            let status = unsafe batch.pointee.sendSome(room)
            guard status == 0 else { return status }
        }
        return 0
    }

    private mutating func sendSome(_ room: UnsafeMutablePointer<clinux_message>) -> Int32 {
        let most = unsafe min(count - done, clinux_most_messages)
        var filled = 0
        while filled < most {
            guard let status = unsafe Datagram.fill(&room[filled].header, messages + done + filled, destination) else {
                filled += 1
                continue
            }
            // Those before it are sent; then it comes first, and ends the batch.
            guard filled > 0 else { return status }
            break
        }
        let sent = unsafe clinux_raw_send_messages(state.pointee.descriptor, room, UInt32(filled), flags)
        guard sent >= 0 else { return sent == -EINTR ? 0 : sent }
        for index in 0..<Int(sent) {
            let length = unsafe UInt64(room[index].length)
            unsafe bytes += length
            unsafe results?[done + index].bytes = length
        }
        unsafe done += Int(sent)
        return 0
    }

    private static let receiveInto: Body = { room, context in
        let batch = unsafe context.assumingMemoryBound(to: DatagramBatch.self)
        while unsafe batch.pointee.done < batch.pointee.count {
            let received = unsafe batch.pointee.receiveSome(room)
            if received == -EINTR { continue }
            guard received >= 0 else { return unsafe batch.pointee.done > 0 ? 0 : received }
            // Fewer than there was room for: what comes next would be that there is nothing.
            if received < clinux_most_messages { return 0 }
        }
        return 0
    }

    private mutating func receiveSome(_ room: UnsafeMutablePointer<clinux_message>) -> Int32 {
        // What is only looked at stays, and would come again.
        let most = unsafe flags & Stream.peek != 0 ? 1 : min(count - done, clinux_most_messages)
        for index in 0..<most {
            unsafe room[index].header = Datagram.room(messages + done + index)
        }
        func take() -> Int {
            unsafe Int(clinux_raw_receive_messages(state.pointee.descriptor, room, UInt32(most), flags))
        }
        let received = unsafe Int32(flags == 0 ? state.reading(nil, take) : take())
        guard received >= 0 else { return received }
        for index in 0..<Int(received) {
            if let result = unsafe results.map({ unsafe $0 + done + index }) {
                unsafe Datagram.finish(result, room[index].header, Int(room[index].length))
            }
            unsafe bytes += UInt64(room[index].length)
        }
        unsafe done += Int(received)
        return received
    }
}
