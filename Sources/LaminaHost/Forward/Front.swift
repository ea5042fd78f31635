/// Where the connections come from that a worker carries. The supervisor holds it, so that it outlives a worker.
enum Front {
    /// From the program of a run.
    case program(Rendezvous)
    /// From whoever connects to an address.
    case listener(ForwardListener)

    /// The descriptors that a worker needs.
    var descriptors: [Int32] {
        switch self {
        case .program(let rendezvous): rendezvous.descriptors
        case .listener(let listener): [listener.descriptor]
        }
    }

    /// Takes no more connections.
    func close() {
        switch self {
        case .program(let rendezvous): rendezvous.close()
        case .listener(let listener): listener.close()
        }
    }
}
