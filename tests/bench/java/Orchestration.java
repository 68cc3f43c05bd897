import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The benchmark's row of Kafka Streams: work of the same shape as tieout's orchestration, and much less of it.
 *
 * Duplicates by event id, order by contract version and source sequence, parking, a revenue command and two audit
 * records an event, a posting after its answer, state a contract in stores with changelogs. It decides no accounting:
 * bodies are copied, not read, and no amount is computed.
 *
 * Arguments: bootstrap, input topic, application id, guarantee, state folder, the schema ids of events, revenue
 * answers and posting answers, and "warm" or "cold": a JVM that is to be warm plays the whole input once before, as
 * another application that writes to topics of its own.
 */
public final class Orchestration {
    private static final String CONTRACTS = "contracts";
    private static final String SEEN = "seen";
    private static final String DOCUMENTS = "documents";
    private static final Set<String> CHANGES =
            Set.of("ContractSigned", "ContractAmended", "ContractRenewed", "ContractTerminated");
    private static final Set<String> NO_REVENUE = Set.of("PaymentReceived", "RefundIssued");
    private static final byte CAPTURED = 0, DUPLICATE = 2, PARKED = 4, RELEASED = 6, SENT = 8, ACCEPTED = 10, POSTED = 12;

    private static final AtomicLong processed = new AtomicLong();

    public static void main(String[] args) throws InterruptedException {
        if (args[8].equals("warm")) {
            long records = length(args[0], args[1]);
            KafkaStreams first = started(args, args[2] + "-warmup", args[2] + "-warmup-");
            while (processed.get() < records) {
                Thread.sleep(20);
            }
            first.close();
        }
        KafkaStreams streams = started(args, args[2], "");
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        Thread.currentThread().join();
    }

    /** How many records the input holds; it was not written in transactions, so that every offset is one. */
    private static long length(String bootstrap, String topic) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap);
        try (var reader = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var partitions = reader.partitionsFor(topic).stream()
                    .map(found -> new TopicPartition(topic, found.partition()))
                    .toList();
            return reader.endOffsets(partitions).values().stream().mapToLong(Long::longValue).sum();
        }
    }

    private static KafkaStreams started(String[] args, String application, String prefix) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, args[3]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        if (args[3].equals("at_least_once")) {
            settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
        }
        settings.put("auto.offset.reset", "earliest");
        int events = Integer.parseInt(args[5]), revenue = Integer.parseInt(args[6]), posting = Integer.parseInt(args[7]);
        var bytes = Serdes.ByteArray();
        Topology topology = new Topology();
        topology.addSource("read", bytes.deserializer(), bytes.deserializer(), args[1]);
        topology.addProcessor("orchestrate", () -> new Work(events, revenue, posting), "read");
        for (String store : List.of(CONTRACTS, SEEN, DOCUMENTS)) {
            topology.addStateStore(
                    Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(store), bytes, bytes).withCachingEnabled(),
                    "orchestrate");
        }
        for (String topic : List.of("revenue-commands", "erp-postings", "audit-trail", "contract-status")) {
            topology.addSink(topic, prefix + topic, bytes.serializer(), bytes.serializer(), "orchestrate");
        }
        KafkaStreams streams = new KafkaStreams(topology, settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        return streams;
    }

    /** What the next decision on a contract needs. */
    private static final class State {
        int version;
        String awaited = "";
        int accepted;
        final Map<String, Long> sequences = new HashMap<>();
        final List<byte[]> parked = new ArrayList<>();
        final List<String> pending = new ArrayList<>();
        final Set<String> early = new HashSet<>();

        static State of(byte[] stored) throws IOException {
            State state = new State();
            if (stored == null) {
                return state;
            }
            DataInputStream in = new DataInputStream(new ByteArrayInputStream(stored));
            state.version = in.readInt();
            state.awaited = in.readUTF();
            state.accepted = in.readInt();
            for (int left = in.readInt(); left > 0; left--) {
                state.sequences.put(in.readUTF(), in.readLong());
            }
            for (int left = in.readInt(); left > 0; left--) {
                state.parked.add(in.readNBytes(in.readInt()));
            }
            for (int left = in.readInt(); left > 0; left--) {
                state.pending.add(in.readUTF());
            }
            for (int left = in.readInt(); left > 0; left--) {
                state.early.add(in.readUTF());
            }
            return state;
        }

        byte[] stored() throws IOException {
            ByteArrayOutputStream kept = new ByteArrayOutputStream(256);
            DataOutputStream out = new DataOutputStream(kept);
            out.writeInt(version);
            out.writeUTF(awaited);
            out.writeInt(accepted);
            out.writeInt(sequences.size());
            for (var entry : sequences.entrySet()) {
                out.writeUTF(entry.getKey());
                out.writeLong(entry.getValue());
            }
            out.writeInt(parked.size());
            for (byte[] waiting : parked) {
                out.writeInt(waiting.length);
                out.write(waiting);
            }
            out.writeInt(pending.size());
            for (String name : pending) {
                out.writeUTF(name);
            }
            out.writeInt(early.size());
            for (String name : early) {
                out.writeUTF(name);
            }
            return kept.toByteArray();
        }
    }

    /** A cursor over an Avro body. */
    private static final class Avro {
        final byte[] bytes;
        int at;

        Avro(byte[] bytes, int at) {
            this.bytes = bytes;
            this.at = at;
        }

        long number() {
            long value = 0;
            int shift = 0, next;
            do {
                next = bytes[at++];
                value |= (long) (next & 0x7f) << shift;
                shift += 7;
            } while (next < 0);
            return (value >>> 1) ^ -(value & 1);
        }

        String text() {
            int length = (int) number();
            String value = new String(bytes, at, length, StandardCharsets.UTF_8);
            at += length;
            return value;
        }
    }

    /** The fields of an event that order needs; the rest stays bytes. */
    private static final class Event {
        final byte[] payload;
        final String id, type, source;
        final long sequence;
        final int version, contextFrom, contextTo;

        Event(byte[] payload) {
            Avro in = new Avro(payload, 5);
            this.payload = payload;
            id = in.text();
            type = in.text();
            sequence = in.number() == 0 ? -1 : in.number();
            if (in.number() != 0) {
                in.text();
            }
            in.number();
            in.number();
            contextFrom = in.at;
            source = in.text();
            in.text();
            in.text();
            version = (int) in.number();
            in.text();
            in.text();
            in.text();
            in.number();
            in.number();
            in.number();
            contextTo = in.at;
        }
    }

    private static final class Work implements Processor<byte[], byte[], byte[], byte[]> {
        private final int events, revenue, posting;
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<byte[], byte[]> contracts, seen, documents;
        private MessageDigest sha;
        private byte[] key;
        private long now;
        private int ordinal;

        Work(int events, int revenue, int posting) {
            this.events = events;
            this.revenue = revenue;
            this.posting = posting;
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> given) {
            context = given;
            contracts = given.getStateStore(CONTRACTS);
            seen = given.getStateStore(SEEN);
            documents = given.getStateStore(DOCUMENTS);
            try {
                sha = MessageDigest.getInstance("SHA-1");
            } catch (NoSuchAlgorithmException impossible) {
                throw new IllegalStateException(impossible);
            }
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            processed.incrementAndGet();
            key = record.key();
            now = System.currentTimeMillis();
            ordinal = 0;
            byte[] value = record.value();
            int schema = (value[1] & 255) << 24 | (value[2] & 255) << 16 | (value[3] & 255) << 8 | value[4] & 255;
            try {
                State state = State.of(contracts.get(key));
                if (schema == events) {
                    arrived(state, new Event(value));
                } else if (schema == revenue) {
                    answered(state, value);
                } else if (schema == posting) {
                    posted(state, value);
                } else {
                    throw new IllegalStateException("schema id " + schema + " is none of the feed's");
                }
                contracts.put(key, state.stored());
                send("contract-status", status(state));
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }

        private void arrived(State state, Event event) throws IOException {
            byte[] id = event.id.getBytes(StandardCharsets.UTF_8);
            if (seen.get(id) != null) {
                audit(DUPLICATE, event, null);
                return;
            }
            seen.put(id, Long.toString(context.recordMetadata().get().offset()).getBytes(StandardCharsets.UTF_8));
            if (waits(state, event)) {
                state.parked.add(event.payload);
                audit(PARKED, event, null);
                return;
            }
            admit(state, event);
            release(state);
        }

        private boolean waits(State state, Event event) {
            if (!state.awaited.isEmpty()) {
                return true;
            }
            if (event.sequence > state.sequences.getOrDefault(event.source, 0L) + 1) {
                return true;
            }
            return CHANGES.contains(event.type) ? event.version != state.version + 1 : event.version > state.version;
        }

        private void admit(State state, Event event) throws IOException {
            if (event.sequence >= 0) {
                state.sequences.merge(event.source, event.sequence, Math::max);
            }
            documents.put((new String(key, StandardCharsets.UTF_8) + "/" + event.id).getBytes(StandardCharsets.UTF_8), event.payload);
            audit(CAPTURED, event, null);
            if (NO_REVENUE.contains(event.type)) {
                send("erp-postings", command("posting", event));
                audit(POSTED, event, null);
                return;
            }
            send("revenue-commands", command("revenue", event));
            audit(SENT, event, null);
            boolean change = CHANGES.contains(event.type);
            if (state.early.remove(event.id)) {
                state.version = change ? event.version : state.version;
            } else {
                state.pending.add(event.id);
                state.awaited = change ? event.id : state.awaited;
            }
        }

        private void release(State state) throws IOException {
            for (int at = 0; at < state.parked.size(); at++) {
                Event waiting = new Event(state.parked.get(at));
                if (!waits(state, waiting)) {
                    state.parked.remove(at);
                    audit(RELEASED, waiting, null);
                    admit(state, waiting);
                    at = -1;
                }
            }
        }

        private void answered(State state, byte[] value) throws IOException {
            Avro in = new Avro(value, 5);
            String command = in.text(), id = in.text();
            if (!state.pending.remove(id)) {
                state.early.add(id);
                return;
            }
            byte[] document = documents.get((new String(key, StandardCharsets.UTF_8) + "/" + id).getBytes(StandardCharsets.UTF_8));
            Event event = new Event(document);
            state.accepted++;
            audit(ACCEPTED, event, command);
            send("erp-postings", command("posting", event));
            audit(SENT, event, command);
            if (state.awaited.equals(id)) {
                state.awaited = "";
                state.version = event.version;
            }
            release(state);
        }

        private void posted(State state, byte[] value) throws IOException {
            Avro in = new Avro(value, 5);
            String command = in.text(), id = in.text();
            byte[] document = documents.get((new String(key, StandardCharsets.UTF_8) + "/" + id).getBytes(StandardCharsets.UTF_8));
            if (document != null) {
                audit(POSTED, new Event(document), command);
            }
        }

        private String derived(String kind, String event) {
            sha.reset();
            sha.update(key);
            byte[] hash = sha.digest((kind + "\u001f" + event).getBytes(StandardCharsets.UTF_8));
            hash[6] = (byte) (hash[6] & 0x0f | 0x50);
            hash[8] = (byte) (hash[8] & 0x3f | 0x80);
            StringBuilder text = new StringBuilder(36);
            for (int at = 0; at < 16; at++) {
                if (at == 4 || at == 6 || at == 8 || at == 10) {
                    text.append('-');
                }
                text.append(Character.forDigit(hash[at] >> 4 & 15, 16)).append(Character.forDigit(hash[at] & 15, 16));
            }
            return text.toString();
        }

        private byte[] command(String kind, Event event) throws IOException {
            Out out = new Out();
            out.text(derived(kind, event.id));
            out.text(event.id);
            out.write(event.payload, event.contextFrom, event.payload.length - event.contextFrom);
            return out.toByteArray();
        }

        /** An audit record in its real schema. */
        private void audit(byte action, Event event, String command) {
            Out out = new Out();
            out.text(derived("audit" + action, event.id + context.recordMetadata().get().offset() + "/" + ordinal++));
            out.number(now);
            out.write(action);
            out.text(event.id);
            out.number(command == null ? 0 : 1);
            if (command != null) {
                out.text(command);
            }
            out.text("");
            out.write(event.payload, event.contextFrom, event.contextTo - event.contextFrom);
            send("audit-trail", out.toByteArray());
        }

        private byte[] status(State state) {
            Out out = new Out();
            out.number(state.version);
            out.number(state.parked.size());
            out.number(state.pending.size());
            out.number(state.accepted);
            out.number(now);
            return out.toByteArray();
        }

        private void send(String topic, byte[] value) {
            context.forward(new Record<>(key, value, now), topic);
        }
    }

    /** Writes an Avro body after the header. */
    private static final class Out extends ByteArrayOutputStream {
        Out() {
            super(256);
            writeBytes(new byte[5]);
        }

        void number(long value) {
            long left = value << 1 ^ value >> 63;
            while ((left & ~0x7fL) != 0) {
                write((int) (left & 0x7f | 0x80));
                left >>>= 7;
            }
            write((int) left);
        }

        void text(String value) {
            byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
            number(bytes.length);
            writeBytes(bytes);
        }
    }
}
