/// What listeners hear in common, frame by frame: the mix, or what those hear who wait.
struct MixBus {
  let sum: UnsafeMutablePointer<Float>
  /// This tick's, and that of 20 ms ago.
  private(set) var mix: UnsafeMutablePointer<Int16>
  private(set) var previousMix: UnsafeMutablePointer<Int16>
  private(set) var limiter = Limiter()
  var prompt: PromptPlayer?
  private(set) var isSounding = false

  init() {
    func samples() -> UnsafeMutablePointer<Int16> {
      let pointer = UnsafeMutablePointer<Int16>.allocate(capacity: InboundAudio.mixFrame)
      pointer.initialize(repeating: 0, count: InboundAudio.mixFrame)
      return pointer
    }
    sum = .allocate(capacity: InboundAudio.mixFrame)
    sum.initialize(repeating: 0, count: InboundAudio.mixFrame)
    mix = samples()
    previousMix = samples()
  }

  func deallocate() {
    sum.deallocate()
    mix.deallocate()
    previousMix.deallocate()
  }

  /// Adds the prompt to the voices that are in ``sum``, and makes the frame.
  mutating func finish(hasVoices: Bool) {
    if prompt?.add(to: sum) == false { prompt = nil }
    isSounding = hasVoices || prompt != nil
    swap(&mix, &previousMix)
    if isSounding {
      limiter.process(sum, into: mix)
    } else {
      mix.update(repeating: 0, count: InboundAudio.mixFrame)
    }
  }
}
