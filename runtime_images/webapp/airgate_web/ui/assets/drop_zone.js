// A place to drop a file on: asks for its name, sends it with progress, and says why it was refused.
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const size = (bytes) => {
  let value = bytes, unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value >= 100 || !unit ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
};
const left = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`);

export default {
  props: { address: String, noun: String, known: Object, fixed: String, once: Boolean, judge: Boolean },
  template: `
    <div class="drop" :class="{ over, idle: step === 'idle' }" @click="choose"
         @dragover.prevent="over = step === 'idle'" @dragleave="over = false" @drop.prevent="drop">
      <input ref="input" type="file" class="only-reader" tabindex="-1" :aria-label="'Choose a ' + noun + ' file'"
             @change="take($event.target.files[0])" @click.stop>
      <template v-if="step === 'idle'">
        <b>Drop a {{ once ? noun : noun + ' file' }} here</b>
        <span class="mute">or <button type="button" class="link" @click.stop="choose(true)">choose one</button><slot></slot></span>
        <span v-if="wrong" class="wrong" role="alert"><b>{{ wrong }}</b> {{ hint }}</span>
      </template>
      <form v-else-if="step === 'named'" class="ask" @submit.prevent="send" @click.stop @keydown.esc="stop">
        <span><b class="mono">{{ file.name }}</b> <span class="mute">{{ amount(file.size) }}</span></span>
        <label>Name<input ref="name" v-model.trim="name" :readonly="!!fixed" required maxlength="40" autocapitalize="none"></label>
        <label v-if="!once">Description <input v-model.trim="description" maxlength="1000" placeholder="What is new in it"></label>
        <span class="mute" aria-live="polite">{{ becomes }}</span>
        <span v-if="wrong" class="wrong" role="alert"><b>{{ wrong }}</b> {{ hint }}</span>
        <label v-if="refused && judge">Why it may be opened all the same<input v-model.trim="reason" required maxlength="500"></label>
        <span v-if="refused && judge" class="mute">Kept with your name and shown wherever it is used. The lock stays on.</span>
        <span class="ends"><button type="button" class="as-button plain" @click="stop">Cancel</button>
          <button class="as-button deed">{{ refused && judge ? 'Allow and upload' : 'Upload' }} {{ name }}</button></span>
      </form>
      <template v-else>
        <b>{{ step === 'sending' ? 'Uploading ' + file.name : 'Checking ' + file.name }}</b>
        <div class="meter bar-line" role="progressbar" :aria-valuenow="percent" aria-valuemin="0" aria-valuemax="100">
          <i :style="{ width: percent + '%' }"></i></div>
        <span class="mute">{{ told }}</span>
        <button v-if="step === 'sending'" type="button" class="as-button plain" @click.stop="stop">Cancel</button>
      </template>
    </div>`,
  data: () => ({ step: "idle", over: false, file: null, name: "", description: "", wrong: "", hint: "", refused: false, reason: "", percent: 0, told: "" }),
  computed: {
    becomes() {
      const versions = this.known[this.name];
      if (this.once) return versions ? `There is a ${this.noun} ${this.name} already; choose another name.` : "";
      return versions ? `Becomes version ${versions + 1} of ${this.name}.` : `A new ${this.noun}, version 1.`;
    },
  },
  mounted() {
    this.leaving = (event) => { if (this.step === "sending") event.preventDefault(); };
    window.addEventListener("beforeunload", this.leaving);
  },
  unmounted() {
    window.removeEventListener("beforeunload", this.leaving);
    this.request?.abort();
  },
  methods: {
    amount: size,
    choose() { if (this.step === "idle") this.$refs.input.click(); },
    drop(event) {
      this.over = false;
      if (this.step === "idle") this.take(event.dataTransfer.files[0]);
    },
    take(file) {
      if (!file) return;
      const stem = file.name.replace(/\.[^.]*$/, "").toLowerCase();
      this.file = file;
      this.name = this.fixed || stem.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "unnamed";
      this.step = "named";
      Object.assign(this, { wrong: "", refused: false, reason: "" });
      this.$nextTick(() => this.$refs.name?.select());
    },
    stop() {
      this.request?.abort();
      this.request = null;
      this.step = "idle";
      this.wrong = "";
      this.$refs.input.value = "";
    },
    refuse(sentence, hint, code) {
      Object.assign(this, { wrong: sentence, hint, refused: code === "dangerous_model", step: "named", request: null });
    },
    send() {
      const query = new URLSearchParams({ name: this.name, filename: this.file.name });
      if (this.description) query.set("description", this.description);
      if (this.refused && this.reason) query.set("override_reason", this.reason);
      const request = (this.request = new XMLHttpRequest());
      const begun = performance.now();
      request.open("POST", `${this.address}?${query}`);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => this.tell(event, (performance.now() - begun) / 1000);
      request.upload.onload = () => Object.assign(this, { step: "checking", percent: 100, told: this.once ? "" : "Its inputs and outputs are read in the sandbox." });
      request.onerror = () => this.refuse("The upload broke off.", "Check that the appliance answers, then try again.");
      request.onload = () => this.finish(request);
      Object.assign(this, { step: "sending", percent: 0, told: "", wrong: "" });
      request.send(this.file);
    },
    tell(event, seconds) {
      const rate = event.loaded / Math.max(seconds, 0.001);
      this.percent = Math.round((100 * event.loaded) / Math.max(event.total, 1));
      this.told = `${size(event.loaded)} of ${size(event.total)} · ${size(rate)}/s · ${left((event.total - event.loaded) / rate)} left`;
    },
    finish(request) {
      if (request !== this.request) return;
      let said = {};
      try { said = JSON.parse(request.responseText); } catch { /* a gateway's own page: no sentence in it */ }
      if (request.status >= 300) {
        this.refuse(said.error || `The upload was refused (${request.status}).`, said.hint || "", said.code);
        return;
      }
      this.stop();
      this.$emit("done", said);
    },
  },
};
