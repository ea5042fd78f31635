import CLamina
import CLinux
import Glibc

/// A receive of a level's own, and the datagram that came by it, whole.
final class FetchedDatagram: @unchecked Sendable {
    /// What no datagram of IP is longer than.
    private static let leastRoom = 65_536
    private static let leastControlRoom = 1024

    // The request's until it has ended; then nothing changes but what the lanes' lock guards.
    private let lanes: CallLanes
    private var slot: UnsafeMutablePointer<lamina_slot>?
    private let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    private let message = UnsafeMutablePointer<lamina_message>.allocate(capacity: 1)
    private let address = UnsafeMutablePointer<lamina_address>.allocate(capacity: 1)
    private let room: UnsafeMutableRawBufferPointer
    private let control: UnsafeMutableRawBufferPointer
    /// 0, or a negative errno. Guarded by the lanes' lock.
    var status: lamina_status = -EINPROGRESS
    private(set) var isCancelled = false
    private var hasGivenDescriptors = false

    init(_ lanes: CallLanes, room: Int, controlRoom: Int) {
        self.lanes = lanes
        self.room = .allocate(byteCount: max(room, Self.leastRoom), alignment: 16)
        control = .allocate(byteCount: max(controlRoom, Self.leastControlRoom), alignment: 16)
        request.initialize(to: lamina_request())
        address.initialize(to: lamina_address())
        message.initialize(to: lamina_message())
        message.pointee.address = address
        message.pointee.control = control.baseAddress
        message.pointee.control_length = control.count
    }

    deinit {
        if !hasGivenDescriptors, status >= 0 { closeDescriptors() }
        request.deallocate()
        message.deallocate()
        address.deallocate()
        room.deallocate()
        control.deallocate()
    }

    /// Its bytes.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let count = min(Int(clamping: message.pointee.bytes), room.count)
            return _overrideLifetime(UnsafeRawBufferPointer(rebasing: room[..<count]).bytes, borrowing: self)
        }
    }

    /// Who sent it.
    var sender: lamina_address? {
        address.pointee.form == UInt16(LAMINA_ADDRESS_NONE) ? nil : address.pointee
    }

    /// Receives; how it ended the inbox is told, here or later.
    func begin(from slot: UnsafeMutablePointer<lamina_slot>, isTry: Bool) {
        self.slot = slot
        lamina_request_prepare(
            request,
            { _, request, context in
                guard let context else { return 0 }
                let fetched = Unmanaged<FetchedDatagram>.fromOpaque(context).takeRetainedValue()
                if request.pointee.status >= 0 { fetched.message.pointee.bytes = request.pointee.bytes }
                if let slot = fetched.slot { fetched.lanes.inbox?.ended(fetched, slot, request.pointee.status) }
                return 0
            },
            Unmanaged.passRetained(self).toOpaque()
        )
        if isTry { request.pointee.flags |= UInt32(LAMINA_REQUEST_TRY) }
        var buffer = lamina_buffer(base: room.baseAddress, length: room.count)
        withUnsafePointer(to: &buffer) { buffer in
            message.pointee.buffers = buffer
            message.pointee.buffer_count = 1
            _ = DirectLinks.receiveFrom(slot, message, 0, request)
        }
    }

    /// Ends it, if nothing has come.
    func cancel() {
        guard let slot else { return }
        lanes.locked { isCancelled = true }
        _ = slot.pointee.column.pointee.upcalls.pointee.cancel(request)
    }

    // MARK: - Giving it up

    /// Copies it into a call's room, with what came with it: the bytes that were moved.
    func give(to message: UnsafeMutablePointer<lamina_message>, isLook: Bool) -> UInt64 {
        guard status >= 0 else { return 0 }
        let bytes = bytes
        var moved = 0
        for index in 0..<Int(message.pointee.buffers == nil ? 0 : message.pointee.buffer_count) {
            guard let buffer = message.pointee.buffers?[index], let base = buffer.base else { continue }
            let length = min(buffer.length, bytes.byteCount - moved)
            if length > 0, let from = room.baseAddress { base.copyMemory(from: from + moved, byteCount: length) }
            moved += max(length, 0)
        }
        if let sender { message.pointee.address?.pointee = sender }
        message.pointee.flags = self.message.pointee.flags
        if moved < bytes.byteCount { message.pointee.flags |= UInt32(LAMINA_MESSAGE_TRUNCATED) }
        giveControl(to: message, isLook: isLook)
        message.pointee.bytes = UInt64(moved)
        return UInt64(moved)
    }

    /// The same, with what a call that waited has copies of.
    func give(to operation: UnsafeMutablePointer<Operation>, isLook: Bool) -> UInt64 {
        guard let own = operation.pointee.messages, let theirs = operation.pointee.results else { return 0 }
        let moved = give(to: own, isLook: isLook)
        theirs.pointee.flags = own.pointee.flags
        theirs.pointee.bytes = own.pointee.bytes
        theirs.pointee.control_length = own.pointee.control_length
        return moved
    }

    /// Copies the control messages that find room. A descriptor is given once, to who takes the datagram.
    private func giveControl(to message: UnsafeMutablePointer<lamina_message>, isLook: Bool) {
        let capacity = message.pointee.control == nil ? 0 : message.pointee.control_length
        var used = 0
        forEachControlMessage { header, place, length in
            let isRights = header.cmsg_level == SOL_SOCKET && header.cmsg_type == Int32(SCM_RIGHTS)
            guard !isRights || !isLook else { return }
            guard let base = message.pointee.control, used + length <= capacity else {
                message.pointee.flags |= UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED)
                return
            }
            guard !isRights || takeDescriptors() else { return }
            (base + used).copyMemory(from: place, byteCount: length)
            used = min((used + length + 7) & ~7, capacity)
        }
        message.pointee.control_length = used
    }

    private func takeDescriptors() -> Bool {
        lanes.locked {
            defer { hasGivenDescriptors = true }
            return !hasGivenDescriptors
        }
    }

    private func forEachControlMessage(_ body: (cmsghdr, UnsafeRawPointer, Int) -> Void) {
        let head = MemoryLayout<cmsghdr>.size
        guard let base = control.baseAddress, message.pointee.control != nil else { return }
        let end = min(message.pointee.control_length, control.count)
        var place = 0
        while place + head <= end {
            let header = (base + place).loadUnaligned(as: cmsghdr.self)
            // Who wrote it may have written any length.
            let length = Int(clamping: header.cmsg_len)
            guard length >= head, length <= end - place else { return }
            body(header, UnsafeRawPointer(base + place), length)
            place += (length + 7) & ~7
        }
    }

    private func closeDescriptors() {
        let head = MemoryLayout<cmsghdr>.size
        forEachControlMessage { header, place, length in
            guard header.cmsg_level == SOL_SOCKET, header.cmsg_type == Int32(SCM_RIGHTS) else { return }
            for offset in stride(from: head, through: length - 4, by: 4) {
                _ = Glibc.close((place + offset).loadUnaligned(as: Int32.self))
            }
        }
    }
}
