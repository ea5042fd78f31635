import CLamina
import Glibc

/// Descriptors of buffers, for a call that is made later: a caller need not keep its own.
final class KeptBuffers {
    let first: UnsafeMutablePointer<lamina_buffer>
    let count: UInt32

    init(_ buffers: UnsafePointer<lamina_buffer>?, _ count: UInt32) {
        self.count = buffers == nil ? 0 : count
        first = .allocate(capacity: max(Int(self.count), 1))
        if let buffers { first.initialize(from: buffers, count: Int(self.count)) }
    }

    deinit { first.deallocate() }
}

/// Datagrams of a call that is made later. Its levels get copies; what they write into them is the caller's at completion.
final class KeptMessages {
    private let theirs: UnsafeMutablePointer<lamina_message>?
    private let own: UnsafeMutablePointer<lamina_message>
    let count: UInt32
    private var buffers: [KeptBuffers] = []
    private var addresses: [UnsafeMutablePointer<lamina_address>] = []
    private var controls: [UnsafeMutableRawPointer] = []

    /// One that is sent, of which nothing is written back.
    convenience init(sending message: UnsafePointer<lamina_message>) {
        self.init(message, 1, nil)
        for index in 0..<Int(count) { copySent(index) }
    }

    /// Some that are sent together; how much of each is written back.
    convenience init(sending messages: UnsafeMutablePointer<lamina_message>, _ count: UInt32) {
        self.init(messages, count, messages)
        for index in 0..<Int(count) { copySent(index) }
    }

    /// Room for some that are received. Addresses and control data are written where the caller wants them.
    convenience init(receiving messages: UnsafeMutablePointer<lamina_message>, _ count: UInt32) {
        self.init(messages, count, messages)
    }

    private init(
        _ messages: UnsafePointer<lamina_message>,
        _ count: UInt32,
        _ theirs: UnsafeMutablePointer<lamina_message>?
    ) {
        self.theirs = theirs
        self.count = count
        own = .allocate(capacity: max(Int(count), 1))
        own.initialize(from: messages, count: Int(count))
        for index in 0..<Int(count) {
            let kept = KeptBuffers(own[index].buffers, own[index].buffer_count)
            if own[index].buffers != nil { own[index].buffers = UnsafePointer(kept.first) }
            buffers.append(kept)
        }
    }

    deinit {
        own.deallocate()
        for address in addresses { address.deallocate() }
        for control in controls { control.deallocate() }
    }

    private func copySent(_ index: Int) {
        if let address = own[index].address {
            let copy = UnsafeMutablePointer<lamina_address>.allocate(capacity: 1)
            copy.initialize(to: address.pointee)
            own[index].address = copy
            addresses.append(copy)
        }
        if let control = own[index].control {
            let copy = UnsafeMutableRawPointer.allocate(byteCount: max(own[index].control_length, 1), alignment: 16)
            copy.copyMemory(from: control, byteCount: own[index].control_length)
            own[index].control = copy
            controls.append(copy)
        }
    }

    /// Makes the call, from slot 0 of a column.
    func issue(
        from slot: Slot,
        _ request: Request,
        _ call: (UnsafeMutablePointer<lamina_message>) -> lamina_status
    ) -> lamina_status {
        let context = Unmanaged.passRetained(self).toOpaque()
        guard lamina_push(slot, request, Self.ended, context) != nil else {
            Unmanaged<KeptMessages>.fromOpaque(context).release()
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        return call(own)
    }

    private static let ended: lamina_completion = { _, _, context in
        guard let context else { return 0 }
        let kept = Unmanaged<KeptMessages>.fromOpaque(context).takeRetainedValue()
        guard let theirs = kept.theirs else { return 0 }
        for index in 0..<Int(kept.count) {
            theirs[index].flags = kept.own[index].flags
            theirs[index].bytes = kept.own[index].bytes
            theirs[index].control_length = kept.own[index].control_length
        }
        return 0
    }
}
