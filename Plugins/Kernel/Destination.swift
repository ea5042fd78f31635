import CLamina
import CLinux
import Glibc
import LaminaProvider

/// Where a datagram socket's datagrams go that name no destination, beside the remote address that `connect` fixes.
enum Destination {
    /// The entry `connect` with `LAMINA_CONNECT_SEND_ONLY`, or without an address. 0 or a negative errno.
    static func change(
        _ state: UnsafeMutablePointer<SocketState>,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32
    ) -> Int32 {
        guard unsafe state.pointee.type != streamType, flags & ~UInt32(LAMINA_CONNECT_SEND_ONLY) == 0 else {
            return -EINVAL
        }
        let isCleared = unsafe address.pointee.form == UInt16(LAMINA_ADDRESS_NONE)
        if flags == 0 { return unsafe forgetRemote(state) }
        // Names are resolved by whoever fixes a conversation's remote address.
        guard unsafe isCleared || address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else { return -EAFNOSUPPORT }
        if !isCleared {
            let status = unsafe state.adopt(family: Int32(address.socket.pointee.sa_family))
            guard status == 0 else { return status }
        }
        unsafe state.group.lock()
        defer { unsafe state.group.unlock() }
        if !isCleared {
            if unsafe state.pointee.sendTo == nil {
                guard let memory = unsafe malloc(MemoryLayout<lamina_address>.size) else { return -ENOMEM }
                unsafe state.pointee.sendTo = memory.bindMemory(to: lamina_address.self, capacity: 1)
            }
            unsafe state.pointee.sendTo?.initialize(to: address.pointee)
        }
        unsafe clinux_store_u32(state.field(\.hasSendTo), isCleared ? 0 : 1)
        return 0
    }

    /// Takes datagrams from everybody again. The kernel gives up a port that it chose itself, and an address that came
    /// with the remote one: the port is bound again.
    private static func forgetRemote(_ state: UnsafeMutablePointer<SocketState>) -> Int32 {
        guard unsafe state.pointee.descriptor >= 0 else { return 0 }
        var before = lamina_address()
        _ = unsafe Names.local(state.pointee.descriptor, &before)
        var nobody = sockaddr()
        nobody.sa_family = sa_family_t(AF_UNSPEC)
        let length = socklen_t(MemoryLayout<sockaddr>.size)
        let status = unsafe clinux_raw_connect(state.pointee.descriptor, &nobody, length)
        guard status == 0, unsafe state.pointee.family != AF_UNIX else { return status }
        var after = lamina_address()
        _ = unsafe Names.local(state.pointee.descriptor, &after)
        return unsafe withUnsafeMutablePointer(to: &before) { before in
            unsafe withUnsafeMutablePointer(to: &after) { after in
                let port = unsafe before.bytes.load(fromByteOffset: 2, as: UInt16.self)
                guard port != 0, unsafe after.bytes.load(fromByteOffset: 2, as: UInt16.self) == 0 else { return 0 }
                unsafe after.bytes.storeBytes(of: port, toByteOffset: 2, as: UInt16.self)
                return unsafe clinux_raw_bind(state.pointee.descriptor, after.socket, after.pointee.length)
            }
        }
    }
}

extension UnsafeMutablePointer<SocketState> {
    /// What was set; of form none where nothing was.
    var sendToAddress: lamina_address {
        unsafe group.lock()
        defer { unsafe group.unlock() }
        guard unsafe pointee.hasSendTo != 0, let sendTo = unsafe pointee.sendTo else { return lamina_address() }
        return unsafe sendTo.pointee
    }

    /// Runs `body` with a copy of where datagrams go that name no destination; nil where nothing was set.
    @inline(__always)
    func withSendTo<Result>(_ body: (UnsafeMutablePointer<lamina_address>?) -> Result) -> Result {
        guard unsafe clinux_load_u32(field(\.hasSendTo)) != 0 else { return body(nil) }
        return unsafe withUnsafeTemporaryAllocation(of: lamina_address.self, capacity: 1) { room in
            unsafe room.initialize(repeating: sendToAddress)
            guard let copy = room.baseAddress, unsafe copy.pointee.form != UInt16(LAMINA_ADDRESS_NONE) else {
                return body(nil)
            }
            return unsafe body(copy)
        }
    }
}
